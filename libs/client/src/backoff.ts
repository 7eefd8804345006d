import { CordwoodError } from './errors.ts';

/** How to go on after what is temporary. */
export interface RetryOptions {
  /** Failures in a row, with nothing new between them, after which the last one is thrown. Default 10; Infinity: it never is. */
  readonly attempts?: number;
  /** First wait, in ms; doubled with every further one. Default 500. */
  readonly minDelay?: number;
  /** Longest wait, in ms, but for one that the service asks for. Default 30 000. */
  readonly maxDelay?: number;
}

/** Waits between tries: longer and longer, and never in step with other clients. */
export class Backoff {
  readonly #attempts: number;
  readonly #minDelay: number;
  readonly #maxDelay: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ attempts = 10, minDelay = 500, maxDelay = 30_000 }: RetryOptions = {}, random = Math.random) {
    this.#attempts = attempts;
    this.#minDelay = minDelay;
    this.#maxDelay = maxDelay;
    this.#random = random;
  }

  /** Something new has come: waits begin anew. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** A connection has lasted for so many ms, whether or not anything came: if longer than any wait, waits begin anew. */
  lasted(ms: number): void {
    if (ms > this.#maxDelay) this.#failures = 0;
  }

  /** Resolves when it is time for another try; rejects with `error` when there is to be none, or with the signal's reason. */
  async wait(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (!(error instanceof CordwoodError) || !error.isTemporary) throw error;
    this.#failures++;
    if (this.#failures >= this.#attempts) throw error;
    await sleep(this.nextDelay(error.retryAfterMs), signal);
  }

  /** In ms: between half and all of the wait that it is time for, after what the service asks to be left in peace for. */
  nextDelay(atLeastMs = 0): number {
    const ceiling = Math.min(this.#maxDelay, this.#minDelay * 2 ** Math.min(this.#failures - 1, 30));
    const jittered = ceiling * (0.5 + this.#random() / 2);
    // Whoever was told the same second is spread over what follows it.
    return atLeastMs > 0 ? atLeastMs + jittered / 2 : jittered;
  }
}

/** Resolves after so many ms; rejects with the signal's reason when it aborts. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
