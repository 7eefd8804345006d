import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isOrdered, isTimed, LineDecoder, type LogRecord, RawSequencer, writeTime } from './index.ts';

/** 2026-11-20T10:00:00Z, the date in the key. */
const KEY = 1_795_168_800;
const WINDOW = 10;
const LOOK_AHEAD = 16;

/**
 * A line: `at` is its time in seconds from the key's date; `parsed` by Fluent Bit, with a time of `reading` instead of its own (the
 * line was no CRI line), with a time that is none, or without any.
 */
type Line = { readonly kind: 'parsed' | 'reading'; readonly at: number } | { readonly kind: 'odd' | 'none' };

const spell = (at: number): string => `${new Date((KEY + at) * 1000).toISOString().slice(0, 19)}.5Z`;

function lineText(line: Line, log: string): string {
  const time = 'at' in line ? spell(line.at) : line.kind === 'odd' ? 'noon' : undefined;
  return JSON.stringify({ time, ...(line.kind !== 'reading' && line.kind !== 'none' && { stream: 'stdout' }), log });
}

const decode = (lines: readonly Line[]): LogRecord[] =>
  new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(lines.map((line, i) => lineText(line, `m${i}`)).join('\n')));

/** `records` pushed in batches of these sizes, the rest at once. */
function sequence(records: readonly LogRecord[], batches: readonly number[] = []): LogRecord[] {
  const sequencer = new RawSequencer(KEY, WINDOW * 1000);
  const out: LogRecord[] = [];
  let from = 0;
  for (const size of batches) out.push(...sequencer.push(records.slice(from, (from += size))));
  return [...out, ...sequencer.push(records.slice(from)), ...sequencer.end()];
}

const orderOf = (record: LogRecord): number | undefined =>
  isOrdered(record) ? record.orderSeconds + record.orderNanos / 1e9 - KEY - 0.5 : undefined;
const orders = (lines: readonly Line[], batches?: readonly number[]): (number | undefined)[] =>
  sequence(decode(lines), batches).map(orderOf);

const timeOf = (record: LogRecord): string => {
  const target = Buffer.alloc(record.timeEnd - record.timeStart);
  return target.toString('utf8', 0, writeTime(record, target, 0));
};

/** The rules, over the whole file at once. */
function model(lines: readonly Line[]): (number | undefined)[] {
  const own = lines.map((line) => (line.kind === 'parsed' ? line.at : undefined));
  let last: number | undefined;
  const forward = own.map((at, i) => {
    if (at === undefined) return last;
    const next = own.slice(i + 1, i + 1 + LOOK_AHEAD).filter((other) => other !== undefined);
    const earlier = next.filter((other) => other <= at - WINDOW).length;
    const suspicious = last === undefined ? true : at - last >= WINDOW;
    const one = last !== undefined || Math.abs(at) >= 120;
    if (suspicious && (one ? earlier > 0 : earlier * 2 > next.length)) return last;
    return (last = at);
  });
  const first = forward.find((at) => at !== undefined);
  return forward.map((at) => at ?? first);
}

const at = fc.oneof(
  { weight: 4, arbitrary: fc.nat(30) },
  fc.constantFrom(-300, -121, -120, -119, 119, 120, 121, 300, 3600),
);
const line: fc.Arbitrary<Line> = fc.oneof(
  at.map((seconds) => ({ kind: 'parsed' as const, at: seconds })),
  at.map((seconds) => ({ kind: 'parsed' as const, at: seconds })),
  at.map((seconds) => ({ kind: 'reading' as const, at: seconds })),
  fc.constantFrom<Line>({ kind: 'odd' }, { kind: 'none' }),
);

const parsed = (...seconds: number[]): Line[] => seconds.map((second) => ({ kind: 'parsed', at: second }));

describe('any file, in any batches', () => {
  test('keeps its records in order, and gives them ordering times by the rules', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.array(fc.nat(20), { maxLength: 6 }), (lines, batches) => {
        const records = decode(lines);
        const out = sequence(records, batches);
        expect(out).toHaveLength(records.length);
        expect(out.every((record, i) => record === records[i])).toBe(true);
        expect(out.map(orderOf)).toEqual(model(lines));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('records that are settled already', () => {
  /** As {@link sequence}, but those that must be settled with their own times are not pushed. */
  function sequenceOthers(records: readonly LogRecord[]): { out: LogRecord[]; pushed: number } {
    const sequencer = new RawSequencer(KEY, WINDOW * 1000);
    const out: LogRecord[] = [];
    let pushed = 0;
    for (const record of records) {
      const until = sequencer.settledUntil;
      if (until !== undefined && record.parsed && isTimed(record) && record.seconds - until < WINDOW) {
        sequencer.follow(record);
        out.push(record);
      } else {
        pushed++;
        out.push(...sequencer.push([record]));
      }
    }
    return { out: [...out, ...sequencer.end()], pushed };
  }

  test('need not be pushed, in any file', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const records = decode(lines);
        const { out } = sequenceOthers(records);
        expect(out.every((record, i) => record === records[i])).toBe(true);
        expect(out.map(orderOf)).toEqual(model(lines));
        expect(out.map(timeOf)).toEqual(sequence(decode(lines)).map(timeOf));
      }),
      { numRuns: 1000 },
    );
  });

  test('are all but the first, and those after it that are needed to tell, where time goes on', () => {
    expect(sequenceOthers(decode(parsed(...Array.from({ length: 200 }, (_, i) => i)))).pushed).toBe(LOOK_AHEAD + 1);
    const sequencer = new RawSequencer(KEY, WINDOW * 1000);
    sequencer.push(decode(parsed(...Array.from({ length: 20 }, (_, i) => i))));
    expect(sequencer.push(decode(parsed(20)))).toHaveLength(1);
  });
});

describe('ordering times', () => {
  test('a line that was not parsed stands with the one before it, at the start with the one after', () => {
    expect(
      orders([{ kind: 'reading', at: 999 }, ...parsed(1), { kind: 'odd' }, ...parsed(2), { kind: 'none' }]),
    ).toEqual([1, 1, 1, 2, 2]);
  });

  test('where no line tells, nothing is claimed', () => {
    expect(orders([{ kind: 'reading', at: 1 }, { kind: 'none' }, { kind: 'odd' }])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('a time of reading jumps ahead, and those after it fall back', () => {
    expect(orders(parsed(0, 1, 500, 2, 3))).toEqual([0, 1, 1, 2, 3]);
    // A log that has paused jumps too, but does not fall back.
    expect(orders(parsed(0, 1, 500, 501, 502))).toEqual([0, 1, 500, 501, 502]);
    // Within the window, lines are out of order as they are.
    expect(orders(parsed(0, 9, 1, 2))).toEqual([0, 9, 1, 2]);
    // Only the lines soon after count; but all of these, however the file comes in.
    const oneByOne = Array<number>(LOOK_AHEAD + 2).fill(1);
    expect(orders(parsed(0, 500, ...Array<number>(LOOK_AHEAD).fill(500), 2))[1]).toBe(500);
    expect(orders(parsed(0, 500, ...Array<number>(LOOK_AHEAD - 1).fill(500), 2), oneByOne)[1]).toBe(0);
  });

  test('at the start of a file most lines must fall back, or any where the key speaks against the first', () => {
    expect(orders(parsed(50, 1, 2, 51))).toEqual([1, 1, 2, 51]);
    expect(orders(parsed(50, 51, 1, 52))[0]).toBe(50);
    expect(orders(parsed(500, 501, 502, 1))[0]).toBe(1);
  });

  test('what waits at the start is bounded: beyond 64 KiB of messages it goes on without', () => {
    const log = 'x'.repeat(30_000);
    const lines = [...Array<Line>(4).fill({ kind: 'odd' }), ...parsed(7)].map((one) => lineText(one, log));
    const records = new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(lines.join('\n')));
    expect(sequence(records).map(orderOf)).toEqual([undefined, undefined, undefined, undefined, 7]);
  });
});

describe('times', () => {
  test('a line without one takes that of the line before it, else the date in the key', () => {
    const records = sequence(
      decode([
        { kind: 'none' },
        ...parsed(1),
        { kind: 'none' },
        { kind: 'odd' },
        { kind: 'none' },
        { kind: 'reading', at: 2 },
        { kind: 'none' },
      ]),
    );
    expect(records.map(timeOf)).toEqual([
      '2026-11-20T10:00:00Z',
      spell(1),
      spell(1),
      'noon',
      spell(1),
      spell(2),
      spell(2),
    ]);
    expect(records.map(isTimed)).toEqual([true, true, true, false, true, true, true]);
  });
});
