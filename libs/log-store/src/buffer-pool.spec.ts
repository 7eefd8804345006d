import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BufferPool } from './buffer-pool.ts';

const LIMIT = 300_000;

test('buffers are large enough, used again, never in use twice, and not kept beyond the limit', () => {
  // Mostly small ones: large ones take their time to make.
  const bytes = fc.oneof({ weight: 20, arbitrary: fc.nat(100_000) }, { weight: 1, arbitrary: fc.nat(40_000_000) });
  const step = fc.record({ take: fc.boolean(), bytes, which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const pool = new BufferPool(LIMIT);
      const inUse: Buffer[] = [];
      const wrong: string[] = [];
      const free = new Set<Buffer>();
      for (const { take, bytes, which } of steps) {
        if (take) {
          const buffer = pool.take(bytes);
          if (buffer.length < bytes) wrong.push(`${buffer.length} bytes instead of ${bytes}`);
          if (inUse.includes(buffer)) wrong.push('a buffer that is in use');
          inUse.push(buffer);
          free.delete(buffer);
        } else {
          const [buffer] = inUse.splice(which % Math.max(1, inUse.length), 1);
          if (buffer === undefined) continue;
          pool.give(buffer);
          free.add(buffer);
        }
      }
      expect(wrong).toEqual([]);
      // What is used again is what was given back, and no more than may be kept.
      let again = 0;
      for (const size of new Set([...free].map(({ length }) => length))) {
        for (let buffer = pool.take(size); free.has(buffer); buffer = pool.take(size)) again += buffer.length;
      }
      expect(again).toBeLessThanOrEqual(LIMIT);
    }),
    { numRuns: 100 },
  );
});

test('a buffer that was given back serves sizes that are a little different', () => {
  const pool = new BufferPool(4 * 1024 * 1024);
  const buffer = pool.take(1_000_100);
  pool.give(buffer);
  expect(pool.take(1_000_300)).toBe(buffer);
  expect(pool.take(1_000_300)).not.toBe(buffer);
});
