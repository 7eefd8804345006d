import type { Clock } from './clock.ts';

interface Look<T> {
  readonly startedAt: number;
  readonly found: Promise<T>;
}

interface Watched<T> {
  watchers: number;
  readonly over: AbortController;
  last: Look<T> | undefined;
}

/** One of those who look at the same thing. */
export interface Looks<T> {
  /** What is there, as of a request that began at `notBefore` (clock) or later; by default what is fresh enough. */
  get(notBefore?: number): Promise<T>;
  /** To be called once; the last one to leave ends a request that is under way. */
  leave(): void;
}

/**
 * Looks at things again and again, with one request at a time and interval for each, however many wait for its outcome. A failed look
 * is shared like any other.
 */
export class SharedLooks<T> {
  private readonly watched = new Map<string, Watched<T>>();
  private readonly request: (key: string, signal: AbortSignal) => Promise<T>;
  private readonly clock: Clock;
  private readonly maxAge: number;

  /** `maxAge`: how old, in ms, the outcome of a request may be to be given to another one who asks. */
  constructor(request: (key: string, signal: AbortSignal) => Promise<T>, clock: Clock, maxAge: number) {
    this.request = request;
    this.clock = clock;
    this.maxAge = maxAge;
  }

  /** Things that somebody looks at. */
  get size(): number {
    return this.watched.size;
  }

  join(key: string): Looks<T> {
    const watched = this.watched.get(key) ?? { watchers: 0, over: new AbortController(), last: undefined };
    this.watched.set(key, watched);
    watched.watchers++;
    return {
      get: (notBefore = this.clock.now() - this.maxAge) => this.look(key, watched, notBefore),
      leave: () => {
        if (--watched.watchers > 0) return;
        this.watched.delete(key);
        watched.over.abort();
      },
    };
  }

  private look(key: string, watched: Watched<T>, notBefore: number): Promise<T> {
    if (watched.last === undefined || watched.last.startedAt < notBefore) {
      const startedAt = this.clock.now();
      const found = this.request(key, watched.over.signal);
      // Who asked may have left by the time it fails.
      found.catch(() => undefined);
      watched.last = { startedAt, found };
    }
    return watched.last.found;
  }
}
