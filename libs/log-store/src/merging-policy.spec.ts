import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mostOpenFiles, mostRises, planTail } from './merging-policy.ts';

const KiB = 1024;
const LIMIT = 10_240 * KiB;
const FLOOR = 64 * KiB;

describe('what is written anew at the end of a run', () => {
  const together = (files: number) => ({ files, apart: false });
  const plan = (sizes: readonly number[], fresh: number) =>
    planTail(
      sizes.map((size) => size * KiB),
      fresh * KiB,
      LIMIT,
    );

  test('tiny files always, larger ones when they rise to a higher tier by it, full ones never', () => {
    expect(plan([63], 0.1)).toEqual(together(1));
    expect(plan([30, 30, 30], 0.1)).toEqual(together(3));
    // Tiers begin at 80, 320, 1280 and 5120 KiB.
    expect(plan([100], 219)).toEqual(together(0));
    expect(plan([100], 220)).toEqual(together(1));
    expect(plan([5119], 0.9)).toEqual(together(0));
    expect(plan([5119], 1)).toEqual(together(1));
    expect(plan([5120], 5000)).toEqual(together(0));
  });

  test('as many as rise, across files that would not by themselves', () => {
    expect(plan([1300, 100, 100], 100)).toEqual(together(0));
    expect(plan([1300, 100, 100], 120)).toEqual(together(2));
    expect(plan([1300, 100, 100], 3620)).toEqual(together(3));
    expect(plan([100, 6000, 100], 300)).toEqual(together(1));
  });

  test('what does not fit into one file is left; where a full file follows, several become one before it', () => {
    expect(plan([1200], 9100)).toEqual(together(0));
    expect(plan([1200], 9000)).toEqual(together(1));
    expect(plan([1200, 300, 20], 9100)).toEqual({ files: 3, apart: true });
    expect(plan([1200, 300, 20], 5119)).toEqual(together(3));
    // Left over from a job with several batches.
    expect(plan([4000, 4000, 4000], 10_000)).toEqual({ files: 2, apart: true });
    expect(plan([], 10_000)).toEqual(together(0));
  });
});

describe('whatever sizes arrive', () => {
  /** A run: sizes of its files, with how often the bytes of each have been written. */
  class Simulation {
    files: number[] = [];
    written = 0;
    total = 0;
    merges = 0;
    readonly limit: number;

    constructor(limit: number) {
      this.limit = limit;
    }

    merge(bytes: number): void {
      this.merges++;
      this.total += bytes;
      // As the writer does: the end of the run is looked at when the first file is full, or at the end.
      let left = bytes;
      const first = Math.min(left, this.limit);
      const { files, apart } = planTail(this.files, first, this.limit);
      const taken = this.files.splice(this.files.length - files).reduce((sum, size) => sum + size, 0);
      this.written += taken + bytes;
      if (apart) this.files.push(taken);
      this.files.push(first + (apart ? 0 : taken));
      for (left -= first; left > 0; left -= this.limit) this.files.push(Math.min(left, this.limit));
    }
  }

  const atMostOne = {
    asymmetricMatch: (share: unknown): boolean => typeof share === 'number' && share <= 1,
    toString: () => 'at most 1',
  };

  const sizesUpTo = (most: number): fc.Arbitrary<number> =>
    fc.oneof(
      fc.integer({ min: 1, max: 2 * KiB }),
      fc.integer({ min: 1, max: Math.floor(most / 60) }),
      fc.integer({ min: 1, max: most }),
    );
  const arrivalsUpTo = (most: number): fc.Arbitrary<number[]> =>
    fc.oneof(
      fc.array(sizesUpTo(most), { maxLength: 200, size: 'max' }),
      // All alike, growing, shrinking.
      fc
        .record({ size: sizesUpTo(most), step: fc.constantFrom(1, 0.97, 1.03), count: fc.nat(200) })
        .map(({ size, step, count }) =>
          Array.from({ length: count }, (_, nth) => Math.ceil(size * step ** nth) % most),
        ),
    );

  test('the bounds for the default limit: a byte rises five times, 13 files are open', () => {
    expect([mostRises(LIMIT), mostOpenFiles(LIMIT)]).toEqual([5, 13]);
  });

  test.each([LIMIT, 1024 * KiB, 100 * KiB])(
    'with a limit of %d, no byte is written often, and few files are left',
    (limit) => {
      fc.assert(
        fc.property(arrivalsUpTo(2 * limit), (all) => {
          const run = new Simulation(limit);
          const isFull = (size: number): boolean => size >= limit / 2;
          // The worst of all moments, as a share of what is allowed.
          let [written, open, closed] = [0, 0, 0];
          for (const bytes of all.filter((size) => size > 0)) {
            run.merge(bytes);
            // Once when it comes, once for each tier, once when a full file follows; and the tiny file that each merge may take in.
            const allowed = (2 + mostRises(limit)) * run.total + FLOOR * run.merges;
            written = Math.max(written, run.written / allowed);
            const atEnd = run.files.length - 1 - run.files.findLastIndex(isFull);
            open = Math.max(open, atEnd / mostOpenFiles(limit));
            const full = run.files.filter(isFull).length;
            closed = Math.max(closed, full === 0 ? 0 : (run.files.length - atEnd) / (2 * full));
          }
          expect({ written, open, closed }).toEqual({ written: atMostOne, open: atMostOne, closed: atMostOne });
          expect(Math.max(0, ...run.files)).toBeLessThanOrEqual(limit);
          expect(run.files.reduce((sum, size) => sum + size, 0)).toBe(run.total);
        }),
        { numRuns: 100 },
      );
    },
  );

  test('pieces of one size are written three times at most on their way to full files, and a limit of files apiece not twice', () => {
    const amplification = (size: number, count: number): number => {
      const run = new Simulation(LIMIT);
      for (let n = 0; n < count; n++) run.merge(size);
      return run.written / run.total;
    };
    expect(amplification(4.9e6, 20)).toBeLessThanOrEqual(1.5);
    expect(amplification(LIMIT, 20)).toBe(1);
    expect(amplification(1e6, 100)).toBeLessThanOrEqual(3);
    expect(amplification(100_000, 1000)).toBeLessThanOrEqual(4);
  });
});
