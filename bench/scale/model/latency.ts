import { type Random, seededRandom } from './random.ts';

/** Kinds of requests as S3 bills and limits them. DELETE: one request, of one key or up to 1,000. */
export const REQUEST_KINDS = ['LIST', 'GET', 'HEAD', 'PUT', 'COPY', 'DELETE'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

export interface LatencyOptions {
  /** Median time to the answer's first byte, ms; HEAD takes as long as GET, COPY as PUT. */
  readonly getMs: number;
  readonly putMs: number;
  readonly listMs: number;
  readonly deleteMs: number;
  /** Standard deviation of the logarithm of that time: 0 is always the median; at 0.4 one in a hundred takes 2.5 times as long. */
  readonly spread: number;
  /** Of one connection, bytes of body per second. */
  readonly bytesPerSecond: number;
}

/** Assumptions, not measurements: a store in the same region that answers small requests as public ones usually do. */
export const DEFAULT_LATENCY: LatencyOptions = {
  getMs: 20,
  putMs: 40,
  listMs: 50,
  deleteMs: 50,
  spread: 0.4,
  bytesPerSecond: 80e6,
};

/** How long requests take: log-normal around a median, and the time for the body. The same seed gives the same times. */
export class LatencyModel {
  private readonly options: LatencyOptions;
  private readonly random: Random;

  constructor(options: LatencyOptions, seed: number) {
    this.options = options;
    this.random = seededRandom(seed);
  }

  /** Of the next request, in ms. */
  next(kind: RequestKind, bytes: number): number {
    const { spread, bytesPerSecond } = this.options;
    return this.median(kind) * Math.exp(spread * normal(this.random)) + (bytes / bytesPerSecond) * 1e3;
  }

  private median(kind: RequestKind): number {
    const { getMs, putMs, listMs, deleteMs } = this.options;
    switch (kind) {
      case 'GET':
      case 'HEAD':
        return getMs;
      case 'PUT':
      case 'COPY':
        return putMs;
      case 'LIST':
        return listMs;
      case 'DELETE':
        return deleteMs;
    }
  }
}

/** A number from the standard normal distribution (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
