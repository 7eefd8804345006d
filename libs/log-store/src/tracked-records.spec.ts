import { expect, test } from '@jest/globals';
import type { Source } from './join.ts';
import { type Tracked, TrackedRecords } from './tracked-records.ts';

const at = (seconds: number) => ({ seconds, nanos: 0 });

const source: Source = {
  first: undefined,
  raw: true,
  open: () => {
    throw new Error('not opened here');
  },
};
const of = (shown: number): Tracked => ({ shown, source, own: 0, others: undefined });

test('forgets what lies before, generation by generation, and never remembers without bound', () => {
  const tracked = new TrackedRecords();
  for (let id = 0; id < 120_000; id++) tracked.add(id, of(id), at(id));
  expect(tracked.size).toBe(120_000);
  tracked.forgetBefore(at(49_999));
  expect(tracked.get(0)?.shown).toBe(0);
  tracked.forgetBefore(at(50_000));
  expect([0, 49_999, 50_000].map((id) => tracked.get(id)?.shown)).toEqual([undefined, undefined, 50_000]);
  expect(tracked.size).toBe(70_000);

  for (let id = 120_000; id < 1_200_000; id++) tracked.add(id, of(id), at(0));
  expect(tracked.size).toBeLessThanOrEqual(1_000_000);
  // As many as the largest upload holds, less one generation.
  expect(tracked.get(250_001)?.shown).toBe(250_001);
  expect(tracked.get(1_199_999)?.shown).toBe(1_199_999);
});
