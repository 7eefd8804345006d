import { expect, test } from '@jest/globals';
import { DEFAULT_LIMITS, limitsOfEach } from './options.ts';

const MIB = 1024 * 1024;

test('a job by itself has the usual limits', () => {
  expect(limitsOfEach(1)).toEqual(DEFAULT_LIMITS);
});

test.each([4, 8, 16])('%d jobs hold no more together than 32 MiB', (concurrency) => {
  const { keptBytes, keepUpTo } = limitsOfEach(concurrency);
  expect(concurrency * keptBytes).toBeLessThanOrEqual(32 * MIB);
  expect(keepUpTo).toBeLessThanOrEqual(keptBytes);
});

test('each of many jobs can still hold files of a usual size', () => {
  expect(limitsOfEach(1_000)).toMatchObject({ keptBytes: 2 * MIB, keepUpTo: 2 * MIB });
});
