import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineBlocks, wholeLines } from './index.ts';

const MAX = 20;

/** What comes out for these chunks, put together, and how many lines were dropped. */
function run(chunks: readonly Uint8Array[], max = MAX): { text: string; oversized: number } {
  const lines = new LineBlocks(max);
  const blocks = chunks.flatMap((chunk) => {
    const copy = Uint8Array.from(chunk);
    const pushed = lines.push(copy).map((block) => Uint8Array.from(block));
    // Nothing of a chunk is needed later.
    copy.fill(0x23);
    return pushed;
  });
  for (const block of blocks) expect(block.at(-1)).toBe(0x0a);
  const text = Buffer.concat([...blocks, lines.end()].filter((block) => block !== undefined)).toString();
  return { text, oversized: lines.oversized };
}

/** `text` cut at these places (taken modulo its length); empty chunks among them. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

const short = fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: MAX });
const long = fc.integer({ min: MAX + 1, max: 3 * MAX }).map((length) => 'x'.repeat(length));
const last = fc.oneof(fc.constant(''), short);
const places = fc.array(fc.nat(), { maxLength: 12 });

test('any chunking gives the same lines', () => {
  fc.assert(
    fc.property(fc.array(short), last, places, (lines, unfinished, at) => {
      const text = [...lines, unfinished].join('\n');
      expect(run(cut(text, at))).toEqual({ text, oversized: 0 });
    }),
    { numRuns: 500 },
  );
});

test('lines that are too long are dropped and counted, wherever the chunks end; their neighbours stay', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(short, long)), fc.oneof(last, long), places, (lines, unfinished, at) => {
      const kept = lines.filter((line) => line.length <= MAX).map((line) => `${line}\n`);
      const dropped = lines.length - kept.length + (unfinished.length > MAX ? 1 : 0);
      const text = kept.join('') + (unfinished.length > MAX ? '' : unfinished);
      expect(run(cut([...lines, unfinished].join('\n'), at))).toEqual({ text, oversized: dropped });
    }),
    { numRuns: 500 },
  );
});

test('a line that is exactly as long as allowed is kept, chunk by chunk and at once', () => {
  const line = 'x'.repeat(MAX);
  for (const text of [line, `${line}\n`, `${line}\n${line}`]) {
    expect(run(text.split(/(?<=.)/s).map((byte) => Buffer.from(byte)))).toEqual({ text, oversized: 0 });
    expect(run([Buffer.from(text)])).toEqual({ text, oversized: 0 });
  }
});

test('pieces are whole lines, no more than a line longer than asked for, and the block together', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(short, long)),
      fc.oneof(last, long),
      fc.integer({ min: 1, max: 50 }),
      (lines, end, bytes) => {
        const block = Buffer.from([...lines, end].join('\n'));
        const pieces = [...wholeLines(block, bytes)].map((piece) => Buffer.from(piece).toString());
        expect(pieces.join('')).toBe(block.toString());
        for (const piece of pieces.slice(0, -1)) expect(piece).toMatch(/\n$/);
        for (const piece of pieces) expect(piece.slice(0, -1).lastIndexOf('\n') + 1).toBeLessThan(bytes);
      },
    ),
  );
});
