import { createRemoteJWKSet, errors, type FlattenedJWSInput, type JWSHeaderParameters, type RemoteJWKSet } from 'jose';
import { z } from 'zod';

/** The issuer's keys cannot be had now. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

export interface OidcKeysOptions {
  readonly issuer: string;
  /** OIDC_KEYS_COOLDOWN, in ms. */
  readonly cooldownMs: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
}

const discovered = z.object({ issuer: z.string(), jwks_uri: z.string() });

const TIMEOUT_MS = 5_000;
/** Age from which keys are fetched again, beside the work. */
const REFRESH_MS = 600_000;
/** Age up to which keys are used while the issuer is away. */
const STALE_MS = 86_400_000;
/** After a failure nobody asks again for so long: many requests at once must not be as many to an issuer that is ill. */
const PAUSE_MS = 1_000;

interface Loaded {
  readonly keys: RemoteJWKSet;
  readonly at: number;
}

/** An OIDC issuer's signing keys, found by discovery. An issuer that was there once may be away for a day. */
export class OidcKeys {
  readonly #options: OidcKeysOptions;
  readonly #now: () => number;
  #loaded: Loaded | undefined;
  #loading: Promise<Loaded> | undefined;
  #failed: { readonly error: IssuerUnavailableError; readonly at: number } | undefined;

  constructor(options: OidcKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** What is known of the issuer, for /readyz. */
  get state(): string {
    const problem = this.#failed === undefined ? '' : `: ${this.#failed.error.message}`;
    if (this.#loaded === undefined) return this.#failed === undefined ? 'not asked yet' : `no keys yet${problem}`;
    return this.#failed === undefined ? 'keys are there' : `keys of ${this.#ageInWords()} ago${problem}`;
  }

  /** Fetches the keys, for those who come first. Never rejects. */
  async warmUp(): Promise<void> {
    await this.#current().catch(() => undefined);
  }

  /** The key that signed a token, as `jose` asks for it. Rejects with IssuerUnavailableError, or a JOSEError when there is no such key. */
  async keyOf(header?: JWSHeaderParameters, token?: FlattenedJWSInput) {
    const { keys } = await this.#current();
    try {
      return await keys(header, token);
    } catch (error) {
      // These say something of the token; all others, that keys could not be fetched for an unknown one.
      const isOfToken =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported;
      throw isOfToken ? error : this.#unavailable(error);
    }
  }

  async #current(): Promise<Loaded> {
    const loaded = this.#loaded;
    const age = loaded === undefined ? Infinity : this.#now() - loaded.at;
    if (loaded !== undefined && age < REFRESH_MS) return loaded;
    if (this.#failed !== undefined && this.#now() - this.#failed.at < PAUSE_MS) {
      if (loaded !== undefined && age < STALE_MS) return loaded;
      throw this.#failed.error;
    }
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    if (loaded === undefined || age >= STALE_MS) return this.#loading;
    this.#loading.catch(() => undefined);
    return loaded;
  }

  async #load(): Promise<Loaded> {
    try {
      const keys = createRemoteJWKSet(await this.#discover(), {
        timeoutDuration: TIMEOUT_MS,
        cooldownDuration: this.#options.cooldownMs,
        cacheMaxAge: Infinity,
      });
      await keys.reload();
      this.#failed = undefined;
      return (this.#loaded = { keys, at: this.#now() });
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  async #discover(): Promise<URL> {
    const { issuer } = this.#options;
    const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`its discovery document answers ${answer.status}`);
    const document = discovered.parse(await answer.json());
    if (document.issuer !== issuer) throw new Error(`its discovery document is of ${JSON.stringify(document.issuer)}`);
    const url = new URL(document.jwks_uri);
    // Keys that came unprotected could be anybody's.
    if (issuer.startsWith('https:') && url.protocol !== 'https:') throw new Error('its keys are not served by https');
    return url;
  }

  #unavailable(cause: unknown): IssuerUnavailableError {
    const reason = cause instanceof z.ZodError ? 'its discovery document is none' : messageOf(cause);
    const error = new IssuerUnavailableError(`the issuer’s keys cannot be had: ${reason}`, { cause });
    this.#failed = { error, at: this.#now() };
    return error;
  }

  #ageInWords(): string {
    return `${Math.round((this.#now() - (this.#loaded?.at ?? 0)) / 60_000)} minutes`;
  }
}

/** Of `fetch failed`, why it did. */
function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
}
