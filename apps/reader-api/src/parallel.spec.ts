import { expect, test } from '@jest/globals';
import { mapParallel } from './parallel.ts';

test('results in order, so many at a time', async () => {
  let running = 0;
  let most = 0;
  const results = await mapParallel([3, 1, 2, 0], 2, async (ticks) => {
    most = Math.max(most, ++running);
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    running--;
    return ticks * 10;
  });
  expect(results).toEqual([30, 10, 20, 0]);
  expect(most).toBe(2);
  expect(await mapParallel([], 2, () => Promise.reject(new Error('never')))).toEqual([]);
});

test('after an error nothing more is begun', async () => {
  const begun: number[] = [];
  const failing = mapParallel([1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    await Promise.resolve();
    throw new Error(`at ${item}`);
  });
  await expect(failing).rejects.toThrow('at 1');
  expect(begun).toEqual([1, 2]);
});
