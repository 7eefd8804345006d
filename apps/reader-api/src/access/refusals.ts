import { ApiError } from '../errors/catalogue.ts';

/** The request has no token. */
export const noToken = (): ApiError =>
  new ApiError('unauthenticated', 'a bearer token is needed: Authorization: Bearer …', {
    headers: { 'WWW-Authenticate': 'Bearer realm="cordwood"' },
  });

/** The token is not good. `reason` must not quote anything of it. */
export const badToken = (reason: string): ApiError =>
  new ApiError('unauthenticated', `the bearer token is not good: ${reason}`, {
    headers: { 'WWW-Authenticate': `Bearer realm="cordwood", error="invalid_token", error_description="${reason}"` },
  });

/** Whoever would know is away, or does not answer us. Nobody is let in on that. */
export const identityUnavailable = (message: string, cause: unknown, retryAfter = 5): ApiError =>
  new ApiError('identity_unavailable', message, { headers: { 'Retry-After': String(retryAfter) }, cause });
