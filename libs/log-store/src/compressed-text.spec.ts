import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Compressed, CompressedText, gzipMember } from './compressed-text.ts';

/** How a text is put together: filled in place or added, in pieces of any length. */
interface Step {
  readonly how: 'fill' | 'add';
  readonly length: number;
  readonly seed: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  how: fc.constantFrom('fill', 'add'),
  length: fc.oneof(fc.nat(300), fc.nat(40_000), fc.nat(600_000)),
  seed: fc.nat(),
});

/** Bytes that compress, but are not the same anywhere. */
const bytesOf = ({ length, seed }: Step): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (Math.imul(at + seed, 2_654_435_761) >>> 24) & 0x3f);

async function compress(steps: readonly Step[]): Promise<Compressed> {
  const text = new CompressedText();
  for (const one of steps) {
    const bytes = bytesOf(one);
    if (one.how === 'add') await text.add(bytes);
    else {
      if (!text.hasRoom(bytes.length)) await text.makeRoom(bytes.length);
      text.bytes.set(bytes, text.end);
      text.end += bytes.length;
    }
  }
  return text.finish();
}

test('one member holds all the texts, one after the other, however they came', async () => {
  const texts = fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(texts, async (all) => {
      const expected = Buffer.concat(all.flat().map(bytesOf));
      const compressed = await Promise.all(all.map(compress));
      const member = gzipMember(compressed);
      // gunzip checks the CRC and the length; and it would go on with another member.
      expect(gunzipSync(member).equals(expected)).toBe(true);
      expect(member.subarray(1).includes(member.subarray(0, 4))).toBe(false);
      expect(compressed.reduce((sum, { size }) => sum + size, 0)).toBe(expected.length);
    }),
    { numRuns: 60 },
  );
});

test('a text is as small as gzip makes it, with as much of it in memory as two pieces', async () => {
  const text = new CompressedText();
  const line = Buffer.from('{"time":"2026-11-20T10:00:00Z","log":"the same all the time"}\n');
  const buffers = new Set<unknown>();
  for (let i = 0; i < 50_000; i++) {
    if (!text.hasRoom(line.length)) await text.makeRoom(line.length);
    buffers.add(text.bytes);
    text.bytes.set(line, text.end);
    text.end += line.length;
  }
  expect(text.size).toBe(50_000 * line.length);
  // What it grew through, and the two that are filled in turn.
  expect(buffers.size).toBeLessThanOrEqual(4);
  expect(gzipMember([await text.finish()]).length).toBeLessThan(text.size / 100);
});
