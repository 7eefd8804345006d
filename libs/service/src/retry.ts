import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, toError } from './logger.ts';

export interface RetryOptions {
  /** For the log. */
  readonly name: string;
  readonly logger: Logger;
  /** Ends the retries. */
  readonly signal: AbortSignal;
  /** First pause in ms; doubles each time, with jitter. */
  readonly minDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly random?: () => number;
  /** Hears of every failure. */
  readonly onFailure?: (error: Error) => void;
}

/**
 * Calls `fn` until it succeeds, with pauses that grow exponentially. A failure is logged when it differs from the one before.
 * @returns what `fn` gave, or undefined when the signal aborted first; never rejects
 */
export async function retryUntil<T>(
  fn: (signal: AbortSignal) => Promise<T>,
  { name, logger, signal, minDelayMs = 250, maxDelayMs = 15_000, random = Math.random, onFailure }: RetryOptions,
): Promise<T | undefined> {
  const startedAt = performance.now();
  let lastMessage: string | undefined;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      const value = await fn(signal);
      if (attempt > 1)
        logger.info('ready after retries', { name, attempt, durationMs: Math.round(performance.now() - startedAt) });
      return value;
    } catch (thrown) {
      const error = toError(thrown);
      onFailure?.(error);
      if (isAborted(signal)) break;
      if (error.message !== lastMessage) logger.warn('not ready, will retry', { name, attempt, error });
      lastMessage = error.message;
      // Half of the pause is random, so that replicas that fell together do not come back together.
      const pause = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt - 1, 20)) * (0.5 + random() / 2);
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/** Behind a function, because the compiler takes the value from the loop's condition for granted across an await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
