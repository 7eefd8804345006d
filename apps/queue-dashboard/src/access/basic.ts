import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Logger } from '@cordwood/service';
import { addressOf, type Failures } from './failures.ts';
import type { Access } from './user.ts';

export interface BasicAccessOptions {
  readonly user: string;
  readonly password: string;
  readonly failures: Failures;
  readonly logger: Logger;
}

/** HTTP's own way to ask for a password (RFC 7617). */
export function basicAccess({ user, password, failures, logger }: BasicAccessOptions): Access {
  const isRight = comparer(`${user}:${password}`);
  return {
    identify: async (request, response) => {
      response.set('Cache-Control', 'no-store');
      // Before the password is looked at: the right one must not be told from wrong ones by trying on.
      const wait = await failures.waitFor(request);
      if (wait !== undefined) {
        response.status(429).set('Retry-After', String(wait)).type('text').send('Too many failed sign-ins: wait.\n');
        return undefined;
      }
      const given = credentialsOf(request.headers.authorization);
      if (given !== undefined && isRight(given)) return { name: user };
      if (given !== undefined) {
        await failures.add(request);
        logger.warn('sign-in refused', { address: addressOf(request) });
      }
      response
        .status(401)
        .set('WWW-Authenticate', 'Basic realm="Cordwood queues", charset="UTF-8"')
        .type('text')
        .send('Sign in to see the queues.\n');
      return undefined;
    },
  };
}

/** `user:password` of an Authorization header; undefined: there is none of this scheme. */
export function credentialsOf(header: string | undefined): string | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '') ?? [];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

/** Compares with a secret in a time that tells nothing of either, not even their lengths. */
export function comparer(secret: string): (given: string) => boolean {
  const key = randomBytes(32);
  const digest = (text: string) => createHmac('sha256', key).update(text).digest();
  const expected = digest(secret);
  return (given) => timingSafeEqual(digest(given), expected);
}
