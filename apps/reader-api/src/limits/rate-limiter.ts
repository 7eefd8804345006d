import { MemoryStore, type Options } from 'express-rate-limit';
import { ApiError } from '../errors/catalogue.ts';

const WINDOW_MS = 60_000;

/** Counts requests by client, for a minute at a time. Each replica counts for itself. */
export class RateLimiter {
  readonly #store = new MemoryStore();
  readonly #limit: number;

  /** `limit`: requests a minute. */
  constructor(limit: number) {
    this.#limit = limit;
    // Of all options it takes this one.
    this.#store.init({ windowMs: WINDOW_MS } as Options);
  }

  /** Counts a request; gives the headers that tell the client where it stands. Throws ApiError `too_many_requests`. */
  async count(client: string): Promise<Readonly<Record<string, string>>> {
    const { totalHits, resetTime } = await this.#store.increment(client);
    const headers = this.#headers(this.#limit - totalHits, resetTime);
    if (totalHits > this.#limit) throw this.#refusal(headers, resetTime);
    return headers;
  }

  /** Throws ApiError `too_many_requests` when there have been so many of the client already; counts nothing. */
  async check(client: string): Promise<void> {
    const { totalHits, resetTime } = (await this.#store.get(client)) ?? { totalHits: 0, resetTime: undefined };
    if (totalHits >= this.#limit) throw this.#refusal(this.#headers(0, resetTime), resetTime);
  }

  /** Draft 8 of RateLimit header fields for HTTP. */
  #headers(remaining: number, resetTime: Date | undefined): Record<string, string> {
    return {
      'RateLimit-Policy': `"requests";q=${this.#limit};w=${WINDOW_MS / 1000}`,
      RateLimit: `"requests";r=${Math.max(0, remaining)};t=${secondsUntil(resetTime)}`,
    };
  }

  #refusal(headers: Readonly<Record<string, string>>, resetTime: Date | undefined): ApiError {
    return new ApiError('too_many_requests', `more than ${this.#limit} requests within a minute`, {
      headers: { ...headers, 'Retry-After': String(secondsUntil(resetTime)) },
    });
  }

  /** Stops its timer. */
  close(): void {
    this.#store.shutdown();
  }
}

const secondsUntil = (time: Date | undefined): number =>
  time === undefined ? WINDOW_MS / 1000 : Math.max(1, Math.ceil((time.getTime() - Date.now()) / 1000));
