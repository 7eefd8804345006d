import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { ApiError } from '../errors/catalogue.ts';
import type { Access, Caller } from './caller.ts';
import { callerOf, type ClaimMapping } from './claims.ts';
import { IssuerUnavailableError, type OidcKeys } from './oidc-keys.ts';
import { badToken, identityUnavailable, noToken } from './refusals.ts';

/** Those with a public key: a token that is signed with one, as if it were a secret, is nobody's. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export interface OidcAccessOptions {
  readonly keys: Pick<OidcKeys, 'keyOf'>;
  readonly issuer: string;
  readonly audience: string;
  /** OIDC_CLOCK_TOLERANCE, in ms. */
  readonly clockToleranceMs: number;
  readonly claims: ClaimMapping;
}

/** `AUTH_MODE=oidc`: JWTs of one issuer, for one audience, whose claims say what their user may read. */
export class OidcAccess implements Access {
  readonly #options: OidcAccessOptions;

  constructor(options: OidcAccessOptions) {
    this.#options = options;
  }

  async authenticate(token: string | undefined): Promise<Caller> {
    if (token === undefined) throw noToken();
    const caller = callerOf(await this.#verify(token), this.#options.claims);
    if (caller === undefined) throw badToken('it names no user');
    return caller;
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { keys, issuer, audience, clockToleranceMs } = this.#options;
    try {
      const { payload } = await jwtVerify(token, (header, input) => keys.keyOf(header, input), {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: clockToleranceMs / 1000,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

/** In words of our own: those of others might quote the token. */
function refusalOf(error: unknown): ApiError {
  if (error instanceof IssuerUnavailableError) return identityUnavailable(error.message, error);
  if (error instanceof errors.JWTExpired) return badToken('it has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return badToken(`its claim ${nameOf(error.claim)} does not fit`);
  if (error instanceof errors.JWSSignatureVerificationFailed) return badToken('its signature is wrong');
  if (error instanceof errors.JOSEAlgNotAllowed) return badToken('its algorithm is not allowed');
  if (error instanceof errors.JWKSNoMatchingKey) return badToken('the issuer has no such key');
  return badToken('it is no JWT that can be checked');
}

/** One of those that we asked for. */
const nameOf = (claim: string): string => (['iss', 'aud', 'exp', 'nbf', 'iat'].includes(claim) ? claim : 'set');
