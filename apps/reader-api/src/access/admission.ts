import type { IncomingMessage } from 'node:http';
import { ApiError } from '../errors/catalogue.ts';
import { clientAddress } from '../limits/client-address.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import { ANYONE, type Access, type Caller } from './caller.ts';
import { KnownTokens } from './known-tokens.ts';
import { takeToken, type TakeTokenOptions } from './token.ts';

/** A request that was let in. */
export interface Admission {
  readonly caller: Caller;
  /** Whom limits count it for: the user, or where nobody is asked for a name, the address. */
  readonly client: string;
  /** What follows the `?`, without a token. */
  readonly query: string;
  /** For the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface AdmissionOptions {
  readonly access: Access;
  /** Undefined: RATE_LIMIT is off. */
  readonly rate: RateLimiter | undefined;
  /** TRUST_PROXY. */
  readonly proxies: number;
}

/** The one way in, for HTTP requests and WebSocket upgrades alike. Rejects with the ApiError that the client gets. */
export type Admit = (
  request: IncomingMessage,
  options: TakeTokenOptions & { readonly signal: AbortSignal },
) => Promise<Admission>;

export const createAdmit = ({ access, rate, proxies }: AdmissionOptions): Admit => {
  const known = new KnownTokens();
  return async (request, { by, signal }) => {
    // Before anything else can fail, so that no message or log line ever shows it.
    const { token, query } = takeToken(request, { by });
    const address = clientAddress(request, proxies);
    const failures = `failed ${address}`;
    // Each token costs a request to somebody else: nobody may try any number of them. Whose was good must not suffer for others that come from
    // the same address, such as a proxy's.
    if (!known.has(token)) await rate?.check(failures);
    const caller = await access.authenticate(token, signal).catch(async (error: unknown) => {
      if (error instanceof ApiError && error.code === 'unauthenticated') {
        known.remove(token);
        await rate?.count(failures);
      }
      throw error;
    });
    known.add(token);
    const client = caller.user === undefined ? `address ${address}` : `user ${caller.user}`;
    return { caller, client, query, headers: (await rate?.count(client)) ?? {} };
  };
};

/** The same for what is public. Throws ApiError for a token that is where it may not be: nobody shall put one there. */
export const admitAnyone = (request: IncomingMessage): Admission => ({
  caller: ANYONE,
  client: 'anyone',
  query: takeToken(request, { by: 'fetch' }).query,
  headers: {},
});
