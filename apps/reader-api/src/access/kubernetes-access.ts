import { createHash } from 'node:crypto';
import type { Kube, KubeAccess, KubeUser } from '@cordwood/kube';
import { KubeError, KubeForbiddenError } from '@cordwood/kube';
import type { Access, Caller, Verb } from './caller.ts';
import { badToken, identityUnavailable, noToken } from './refusals.ts';
import { TtlCache } from './ttl-cache.ts';

/** How long what Kubernetes said of a token counts, in ms: when it was good, and when not. */
const TOKEN_TTL = 30_000;
const BAD_TOKEN_TTL = 5_000;
/** The same of a right. */
const RIGHT_TTL = 10_000;
const TOKENS = 10_000;
const RIGHTS = 100_000;

/**
 * `AUTH_MODE=kubernetes`: whoever's bearer token Kubernetes knows may do with a log what they may do with `pods/log` in its namespace, or
 * of that name. What was allowed a few seconds ago still is: see the constants.
 */
export class KubernetesAccess implements Access {
  readonly #kube: Pick<Kube, 'reviewToken' | 'reviewAccess'>;
  readonly #users: TtlCache<KubeUser | undefined>;
  readonly #rights: TtlCache<boolean>;

  /** `now`: a clock in ms that never goes back. */
  constructor(kube: Pick<Kube, 'reviewToken' | 'reviewAccess'>, now?: () => number) {
    this.#kube = kube;
    this.#users = new TtlCache({ max: TOKENS, ...(now && { now }) });
    this.#rights = new TtlCache({ max: RIGHTS, ...(now && { now }) });
  }

  async authenticate(token: string | undefined): Promise<Caller> {
    if (token === undefined) throw noToken();
    // Not the token itself: nothing may find it in our memory for longer than its request.
    const user = await this.#users.get(hash(token), async () => {
      const value = await this.#review('tokens', () => this.#kube.reviewToken(token));
      return { value, ttlMs: value === undefined ? BAD_TOKEN_TTL : TOKEN_TTL };
    });
    if (user === undefined) throw badToken('Kubernetes does not know it');
    return this.#callerOf(user);
  }

  #callerOf(user: KubeUser): Caller {
    // Groups and the like decide as well: of one user, tokens may differ in them.
    const id = hash(JSON.stringify([user.username, user.uid, user.groups, user.extra]));
    const allows = (verb: Verb, namespace: string, name?: string): Promise<boolean> =>
      this.#rights.get(JSON.stringify([id, verb, namespace, name]), async () => {
        const access: KubeAccess = { verb, resource: 'pods', subresource: 'log', namespace, name };
        return { value: await this.#review('rights', () => this.#kube.reviewAccess(user, access)), ttlMs: RIGHT_TTL };
      });
    return {
      user: user.username,
      // First the right to all of the namespace: one answer for however many jobs.
      may: async (verb, namespace, job) =>
        namespace !== undefined && ((await allows(verb, namespace)) || (await allows(verb, namespace, job))),
      mayEverything: (verb) => allows(verb, ''),
    };
  }

  async #review<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof KubeForbiddenError) {
        throw identityUnavailable(`Kubernetes does not let the reader review ${what} (system:auth-delegator)`, error);
      }
      const retryAfter = error instanceof KubeError ? error.retryAfter : undefined;
      throw identityUnavailable(`Kubernetes cannot be asked for ${what} now`, error, retryAfter);
    }
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('base64');
