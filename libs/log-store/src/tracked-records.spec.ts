import { expect, test } from '@jest/globals';
import { TrackedRecords } from './tracked-records.ts';

const at = (seconds: number) => ({ seconds, nanos: 0 });

test('forgets what lies before, generation by generation, and never remembers without bound', () => {
  const tracked = new TrackedRecords<number>();
  for (let id = 0; id < 120_000; id++) tracked.add(id, id, at(id));
  expect(tracked.size).toBe(120_000);
  tracked.forgetBefore(at(49_999));
  expect(tracked.get(0)).toBe(0);
  tracked.forgetBefore(at(50_000));
  expect([tracked.get(0), tracked.get(49_999), tracked.get(50_000)]).toEqual([undefined, undefined, 50_000]);
  expect(tracked.size).toBe(70_000);

  for (let id = 120_000; id < 1_200_000; id++) tracked.add(id, id, at(0));
  expect(tracked.size).toBeLessThanOrEqual(1_000_000);
  // As many as the largest upload holds, less one generation.
  expect(tracked.get(250_001)).toBe(250_001);
  expect(tracked.get(1_199_999)).toBe(1_199_999);
});
