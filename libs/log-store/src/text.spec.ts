import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogRecord, Part } from '@cordwood/log-record';
import { BASE, type Line, recordsOf, timeAt } from './spec-support.ts';
import { type TextOptions, TextWriter } from './text.ts';

/** The text of these lines, given in batches of one of these sizes. */
function textOf(
  lines: readonly Line[],
  options: Partial<TextOptions> = {},
  { startsInside = [], batch = 1000 }: { startsInside?: ('stdout' | 'stderr')[]; batch?: number } = {},
): string {
  const writer = new TextWriter({ timestamps: false, maxMessage: 1000, ...options }, [startsInside]);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at += batch) chunks.push(...writer.write(recordsOf(lines.slice(at, at + batch))));
  return Buffer.concat([...chunks, ...writer.end()]).toString();
}

const at = (seconds: number, log: string, part: Part = 'F', stderr = false): Line => ({
  at: seconds,
  log,
  part,
  stderr,
});
const since = (seconds: number) => ({ since: { seconds: BASE + seconds, nanos: 0 } });

describe('any lines', () => {
  const line: fc.Arbitrary<Line> = fc.record({
    at: fc.nat(9),
    log: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('', '\n', 'x\n', '\n\n')),
    stderr: fc.boolean(),
    part: fc.constantFrom<Part>('', 'P', 'F'),
  });

  /** The messages one after the other, by joining strings. */
  function oracle(lines: readonly Line[], from: number, timestamps: boolean): string {
    const open = new Map<boolean, Line>();
    const out: Line[] = [];
    for (const one of lines) {
      const stderr = one.stderr === true;
      const before = one.part === '' ? undefined : open.get(stderr);
      const whole = before ? { ...before, log: before.log + one.log } : one;
      if (one.part === 'P') open.set(stderr, whole);
      else {
        out.push(whole);
        if (one.part === 'F') open.delete(stderr);
      }
    }
    return [...out, ...open.values()]
      .filter((one) => one.at >= from)
      .map((one) => (timestamps ? `${timeAt(one.at)} ` : '') + one.log + (one.log.endsWith('\n') ? '' : '\n'))
      .join('');
  }

  test('parts are joined per stream, over batches, and a newline added where it is missing', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(9),
        fc.boolean(),
        (lines, batch, from, timestamps) => {
          const expected = oracle(lines, from, timestamps).toWellFormed();
          expect(textOf(lines, { timestamps, ...since(from) }, { batch })).toBe(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('messages of any length are whole, and come before the end', () => {
    const lengths = [0, 10, 65_535, 65_536, 200_000, 3];
    const lines = lengths.map((length, i) => at(i, 'é'.repeat(length)));
    expect(textOf(lines)).toBe(lines.map(({ log }) => `${log}\n`).join(''));
    const writer = new TextWriter({ timestamps: false, maxMessage: 1000 });
    expect(writer.write(recordsOf(lines)).length).toBeGreaterThan(2);
  });
});

describe('partial lines', () => {
  test('stand where their last part came, with the time of their first', () => {
    const lines = [at(1, 'a', 'P'), at(2, 'err', 'F', true), at(3, 'b', 'P'), at(4, 'between', ''), at(5, 'c')];
    expect(textOf(lines, { timestamps: true })).toBe(`${timeAt(2)} err\n${timeAt(4)} between\n${timeAt(1)} abc\n`);
  });

  test('that never end stand at the end', () => {
    expect(textOf([at(1, 'a', 'P'), at(2, 'b', 'P', true), at(3, 'c', 'P'), at(4, 'whole', '')])).toBe(
      'whole\nac\nb\n',
    );
  });

  test('whose first part came before `since` are left out whole; those that began at it are shown whole', () => {
    const lines = [at(1, 'a', 'P'), at(2, 'b', 'P'), at(2, 'x', 'P', true), at(3, 'c'), at(3, 'y', 'F', true)];
    expect(textOf(lines, since(2))).toBe('xy\n');
    expect(textOf(lines, since(1))).toBe('abc\nxy\n');
  });

  test('of which reading begins in the middle are left out up to their end', () => {
    const lines = [at(1, 'b', 'P'), at(1, 'err', 'F', true), at(2, 'c'), at(3, 'd'), at(4, 'e', 'P'), at(5, 'f')];
    expect(textOf(lines, {}, { startsInside: ['stdout'] })).toBe('err\nd\nef\n');
    expect(textOf(lines, {}, { startsInside: ['stdout', 'stderr'] })).toBe('d\nef\n');
  });
});

describe('maxMessage', () => {
  test('as long as allowed is joined', () => {
    expect(textOf([at(1, '12345', 'P'), at(2, '67890')], { maxMessage: 10 })).toBe('1234567890\n');
  });

  test('beyond it the parts stand as they came, up to the end of the line; then joining goes on', () => {
    const long = [at(1, '1234', 'P'), at(2, '5678', 'P'), at(3, '9012', 'P'), at(4, '3456', 'P'), at(5, '78')];
    const lines = [...long, at(6, 'a', 'P'), at(7, 'b')];
    expect(textOf(lines, { maxMessage: 10 })).toBe('1234\n5678\n9012\n3456\n78\nab\n');
    expect(textOf([at(1, '1234567890', 'P'), at(2, '1'), at(3, 'x')], { maxMessage: 10 })).toBe('1234567890\n1\nx\n');
  });

  test('memory for a line without end is bounded', () => {
    const writer = new TextWriter({ timestamps: false, maxMessage: 10_000 });
    let size = 0;
    for (let i = 0; i < 200; i++) {
      for (const chunk of writer.write(recordsOf([at(1, 'x'.repeat(5000), 'P')]))) size += chunk.length;
    }
    expect(size).toBeGreaterThan(200 * 5000 - 100_000);
  });
});

test('a record without a time of its own is judged by its ordering time, and shows its time as it was written', () => {
  const odd = (order: number): LogRecord => {
    const [record] = recordsOf([at(0, 'odd', '')]);
    const bytes = Buffer.from('no\\u006fn');
    return {
      ...record!,
      seconds: NaN,
      orderSeconds: BASE + order,
      timeBytes: bytes,
      timeStart: 0,
      timeEnd: bytes.length,
    };
  };
  const writer = new TextWriter({ timestamps: true, maxMessage: 10, ...since(5) });
  const text = Buffer.concat([...writer.write([odd(4), odd(5)]), ...writer.end()]).toString();
  expect(text).toBe('noon odd\n');
});
