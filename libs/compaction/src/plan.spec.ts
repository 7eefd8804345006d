import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareArrival, type RawObject } from '@cordwood/log-store';
import { parseRawKey } from '@cordwood/s3-key-format';
import { planBatches } from './plan.ts';
import { rawKey } from './raw-writer.ts';

/** Objects with names that do not sort as they arrived, and several within a second. */
const objects: fc.Arbitrary<RawObject[]> = fc
  .uniqueArray(
    fc.record({ second: fc.nat(300), index: fc.nat(40), arrived: fc.nat(10), size: fc.integer({ min: 1, max: 100 }) }),
    { maxLength: 30, selector: ({ second, index }) => rawKey(second, index) },
  )
  .map((all) =>
    all.map(({ second, index, arrived, size }) => {
      const key = rawKey(second, index);
      const parsed = parseRawKey(key);
      if (!parsed.ok) throw new Error(parsed.problem);
      return { key, etag: 'e', size, lastModified: arrived * 1000, parsed: parsed.key };
    }),
  );

const limits = fc.record({
  keepUpTo: fc.nat(100),
  keptBytes: fc.nat(300),
  files: fc.integer({ min: 1, max: 10 }),
});

test('the batches hold every object once, in order of arrival, within the limits, and none could be larger', () => {
  fc.assert(
    fc.property(objects, limits, (raw, { keepUpTo, keptBytes, files }) => {
      const kept = (batch: readonly RawObject[]): number =>
        batch.reduce((sum, { size }) => sum + (size <= keepUpTo ? size : 0), 0);
      const batches = planBatches(raw, { keepUpTo, keptBytes, files });
      expect(batches.flat()).toEqual(raw.toSorted(compareArrival));
      const tooLarge = batches.filter((batch) => batch.length > files || (batch.length > 1 && kept(batch) > keptBytes));
      expect(tooLarge).toEqual([]);
      const tooSmall = batches.filter((batch, nth) => {
        const next = batches[nth + 1]?.[0];
        return next !== undefined && batch.length < files && kept([...batch, next]) <= keptBytes;
      });
      expect(tooSmall).toEqual([]);
      expect(batches.filter((batch) => batch.length === 0)).toEqual([]);
    }),
  );
});
