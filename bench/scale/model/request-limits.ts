import type { RequestKind } from './latency.ts';

export interface RateLimits {
  /** Per second and prefix: PUT, COPY, and keys deleted; GET, HEAD and LIST. */
  readonly writes: number;
  readonly reads: number;
}

/** What AWS documents for each partitioned prefix of a bucket. */
export const S3_LIMITS: RateLimits = { writes: 3_500, reads: 5_500 };

/** How far ahead of its rate a prefix may get, in ms. */
const BURST_MS = 200;

const isWrite = (kind: RequestKind): boolean => kind === 'PUT' || kind === 'COPY' || kind === 'DELETE';

/**
 * Holds requests back that a prefix has no room for. S3 would refuse them with 503 and the client would try again later: in both cases the
 * prefix serves what it can, and who asks for more waits.
 */
export class RequestLimits {
  /** Requests that were held back so far. */
  delayed = 0;
  private readonly limits: RateLimits;
  /** By prefix and kind: when all that was let through would have been served at the rate alone. */
  private readonly servedAt = new Map<string, number>();

  constructor(limits: RateLimits) {
    this.limits = limits;
  }

  /** For how many ms a request now (ms) to this prefix has to wait. `keys`: how many keys it deletes. */
  wait(prefix: string, kind: RequestKind, now: number, keys = 1): number {
    const write = isWrite(kind);
    const id = `${write ? 'write' : 'read'} ${prefix}`;
    const rate = write ? this.limits.writes : this.limits.reads;
    const served = Math.max(this.servedAt.get(id) ?? now, now) + (keys * 1e3) / rate;
    this.servedAt.set(id, served);
    const wait = Math.max(0, served - now - BURST_MS);
    if (wait > 0) this.delayed++;
    return wait;
  }
}
