import { expect, test } from '@jest/globals';
import type { Logger } from './logger.ts';
import { retryUntil } from './retry.ts';

function recorder() {
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const logger: Logger = { error: log, warn: log, info: log, debug: log, child: () => logger };
  return { lines, logger };
}

test('tries until it works, and logs each problem once', async () => {
  const { lines, logger } = recorder();
  const failures: string[] = [];
  let tries = 0;
  const value = await retryUntil(
    async () => {
      tries++;
      if (tries < 3) throw new Error('refused');
      if (tries < 5) throw new Error('no bucket');
      return 'there';
    },
    {
      name: 's3',
      logger,
      signal: new AbortController().signal,
      minDelayMs: 1,
      maxDelayMs: 2,
      onFailure: ({ message }) => failures.push(message),
    },
  );
  expect(value).toBe('there');
  expect(failures).toEqual(['refused', 'refused', 'no bucket', 'no bucket']);
  expect(lines).toEqual(['not ready, will retry', 'not ready, will retry', 'ready after retries']);
});

test('an abort ends it, during a try and during a pause', async () => {
  for (const minDelayMs of [1, 3_600_000]) {
    const { logger } = recorder();
    const controller = new AbortController();
    const failed = Promise.withResolvers<string>();
    const result = retryUntil<string>(() => Promise.reject(new Error('away')), {
      name: 's3',
      logger,
      signal: controller.signal,
      minDelayMs,
      maxDelayMs: minDelayMs,
      onFailure: ({ message }) => failed.resolve(message),
    });
    await failed.promise;
    controller.abort();
    expect(await result).toBeUndefined();
  }
});
