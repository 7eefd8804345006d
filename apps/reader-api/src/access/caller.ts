/** What may be done with logs: read them, or delete them. */
export type Verb = 'get' | 'delete';

/** Somebody whose credentials were good, and what they may do. Answers are as fresh as the mode's caches are. */
export interface Caller {
  /** Their name; undefined where nobody is asked for it. */
  readonly user: string | undefined;
  /**
   * Whether they may do this with the job's log in the namespace. Undefined is the namespace of files of which nothing tells it: of them
   * nobody's right can be checked. Rejects with an ApiError when it cannot be found out.
   */
  may(verb: Verb, namespace: string | undefined, job: string): Promise<boolean>;
  /** Whether they may do this with all logs of all namespaces: only those may learn that there is no such job anywhere. */
  mayEverything(verb: Verb): Promise<boolean>;
}

/** Who asks, by a mode of AUTH_MODE. */
export interface Access {
  /**
   * Whose the bearer token is. Rejects with an ApiError: `unauthenticated` for a token that is none or missing, 503 when it cannot be
   * found out.
   */
  authenticate(token: string | undefined, signal: AbortSignal): Promise<Caller>;
}

/** Somebody who may do everything: everybody, where rights are not checked. */
export const ANYONE: Caller = {
  user: undefined,
  may: () => Promise.resolve(true),
  mayEverything: () => Promise.resolve(true),
};

/** `AUTH_MODE=none`: tokens are not looked at. */
export const OPEN_ACCESS: Access = { authenticate: () => Promise.resolve(ANYONE) };
