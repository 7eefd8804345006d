import { isUtf8 } from 'node:buffer';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareInstants,
  encodeMerged,
  LeadingLines,
  LineBlocks,
  LineDecoder,
  type LogRecord,
  maxMergedLength,
  orderTime,
  type Part,
  recordTime,
  type Unneeded,
} from './index.ts';

interface Line {
  readonly at: number;
  /** Its ordering time, when another one. */
  readonly order?: number | undefined;
  readonly part: Part;
  readonly log: string;
  /** Stands in place of all that. */
  readonly text?: string | undefined;
}

const BASE = 1_795_168_800;

/** The line, as a merged file holds it. */
function written({ at, order, part, log, text }: Line): string {
  if (text !== undefined) return text;
  const time = new Date((BASE + at) * 1000).toISOString();
  const [record] = new LineDecoder('raw', isUtf8).decodeBlock(
    Buffer.from(JSON.stringify({ time, stream: 'stdout', log })),
  );
  if (record === undefined) throw new Error('no record');
  if (order !== undefined) record.orderSeconds = BASE + order;
  const target = Buffer.alloc(maxMergedLength(record));
  return target.toString('utf8', 0, encodeMerged(record, part, target, 0));
}

const decoded = (text: Uint8Array): LogRecord[] => new LineDecoder('merged', isUtf8).decodeBlock(text);

/** The lines that are given of a file that comes in pieces of so many bytes. */
function given(text: string, unneeded: Unneeded, piece: number): { readonly text: string; readonly passed: number } {
  const leading = new LeadingLines(unneeded);
  const lines = new LineBlocks(1_000_000);
  const bytes = Buffer.from(text);
  const out: Uint8Array[] = [];
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += piece) blocks.push(...lines.push(bytes.subarray(at, at + piece)));
  const end = lines.end();
  for (const block of end === undefined ? blocks : [...blocks, end]) out.push(...leading.push(block));
  out.push(...leading.end());
  return { text: Buffer.concat(out).toString(), passed: leading.passed };
}

const odd = fc.constantFrom(
  '\n',
  'no JSON\n',
  '{"log":"no time"}\n',
  '{"time":"noon","log":"x","ot":"2026-11-20T10:00:00.5Z"}\n',
);
const line: fc.Arbitrary<Line> = fc.record({
  at: fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, fc.nat(20)),
  order: fc.option(fc.nat(20), { nil: undefined, freq: 20 }),
  part: fc.oneof({ weight: 20, arbitrary: fc.constant<Part>('') }, fc.constantFrom<Part>('P', 'F')),
  log: fc.constantFrom('', 'text', 'ends in Z', '"logtag":"P"', ',"ot":"2026-11-20T10:00:00.000000000Z"', '"P', 'é\\'),
  text: fc.option(odd, { nil: undefined, freq: 30 }),
});
/** Times that mostly go on. */
const file = fc
  .array(line, { maxLength: 60 })
  .map((lines) => lines.map((one, index) => ({ ...one, at: one.at < 0 ? Math.floor(index / 3) : one.at })));
const unneeded: fc.Arbitrary<Unneeded> = fc.oneof(
  fc.record({ lines: fc.nat(60) }),
  fc.record({ before: fc.record({ seconds: fc.nat(21).map((at) => BASE + at), nanos: fc.constantFrom(0, 1) }) }),
);

test('what is left out is not needed, and nothing of what follows depends on it', () => {
  fc.assert(
    fc.property(file, unneeded, fc.integer({ min: 1, max: 3000 }), (lines, rule, piece) => {
      const text = lines.map(written).join('');
      const { text: rest, passed } = given(text, rule, piece);
      expect(text.endsWith(rest)).toBe(true);
      const out = text.slice(0, text.length - rest.length);
      expect(out.split('\n').length - 1).toBe(passed);

      const leftOut = decoded(Buffer.from(out));
      expect(leftOut).toHaveLength(passed);
      const before = 'before' in rule ? rule.before : { seconds: Infinity, nanos: 0 };
      for (const record of leftOut) {
        expect(record.part).not.toBe('P');
        expect(compareInstants(recordTime(record), before)).toBeLessThan(0);
      }
      expect(passed).toBeLessThanOrEqual('lines' in rule ? rule.lines : lines.length);
      const [last] = leftOut.slice(-1).map(orderTime);
      const [first] = decoded(Buffer.from(rest)).map(orderTime);
      expect(last !== undefined && first !== undefined && compareInstants(last, first) === 0).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test('all lines but one of a file whose times go on are left out', () => {
  const text = Array.from({ length: 1000 }, (_, at) => written({ at, part: at % 10 === 0 ? 'F' : '', log: 'x' })).join(
    '',
  );
  for (const piece of [100, 4096, 1_000_000]) {
    expect(given(text, { lines: 900 }, piece).passed).toBe(900);
    expect(given(text, { before: { seconds: BASE + 700, nanos: 1 } }, piece).passed).toBe(701);
    // The last one tells where a file goes on after it.
    expect(given(text, { lines: 5000 }, piece).passed).toBe(999);
  }
});
