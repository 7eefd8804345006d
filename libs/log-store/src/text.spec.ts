import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type LogRecord, orderTime, type Part, recordTime } from '@cordwood/log-record';
import { MessageAssembler } from './message-assembler.ts';
import { BASE, type Line, messageOf, recordsOf, timeAt } from './spec-support.ts';
import { TextWriter } from './text.ts';

/** The text of these lines, given in batches of one of these sizes. */
function textOf(
  lines: readonly Line[],
  {
    timestamps = false,
    maxMessage = 1000,
    batch = 1000,
  }: { timestamps?: boolean; maxMessage?: number; batch?: number } = {},
): string {
  const assembler = new MessageAssembler(maxMessage);
  const writer = new TextWriter(timestamps);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at += batch) {
    chunks.push(...writer.write(assembler.push(recordsOf(lines.slice(at, at + batch)))));
  }
  return Buffer.concat([...chunks, ...writer.write(assembler.end()), ...writer.end()]).toString();
}

const at = (seconds: number, log: string, part: Part = 'F', stderr = false): Line => ({
  at: seconds,
  log,
  part,
  stderr,
});

describe('any lines', () => {
  const line: fc.Arbitrary<Line> = fc.record({
    at: fc.nat(9),
    log: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('', '\n', 'x\n', '\n\n')),
    stderr: fc.boolean(),
    part: fc.constantFrom<Part>('', 'P', 'F'),
  });

  /** The messages one after the other, by joining strings. */
  function oracle(lines: readonly Line[], timestamps: boolean): string {
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
      .map((one) => (timestamps ? `${timeAt(one.at)} ` : '') + one.log + (one.log.endsWith('\n') ? '' : '\n'))
      .join('');
  }

  test('parts are joined per stream, over batches, and a newline added where it is missing', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (lines, batch, timestamps) => {
          expect(textOf(lines, { timestamps, batch })).toBe(oracle(lines, timestamps).toWellFormed());
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('messages of any length are whole, and come before the end', () => {
    const lengths = [0, 10, 65_535, 65_536, 200_000, 3];
    const lines = lengths.map((length, i) => at(i, 'é'.repeat(length)));
    expect(textOf(lines)).toBe(lines.map(({ log }) => `${log}\n`).join(''));
    const writer = new TextWriter(false);
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

  test('are judged by the time of their first part and stand at that of their last; whole lines pass as they are', () => {
    const assembler = new MessageAssembler(1000);
    const lines = recordsOf([
      at(1, 'a', 'P'),
      at(2, 'whole'),
      at(3, 'b', 'P', true),
      at(4, 'c'),
      at(5, 'whole too', ''),
    ]);
    const messages = assembler.push(lines);
    expect(messages.map(messageOf)).toEqual(['awhole', 'c', 'whole too']);
    expect(messages.map((message) => [recordTime(message).seconds - BASE, orderTime(message).seconds - BASE])).toEqual([
      [1, 2],
      [4, 4],
      [5, 5],
    ]);
    expect([messages[1], messages[2]]).toEqual([lines[3], lines[4]]);
    const whole = recordsOf([at(6, 'x'), at(6, 'y', ''), at(7, 'z')]);
    expect(new MessageAssembler(1000).push(whole)).toBe(whole);
    expect(assembler.end().map(messageOf)).toEqual(['b']);
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
    const assembler = new MessageAssembler(10_000);
    let given = 0;
    for (let i = 0; i < 200; i++) given += assembler.push(recordsOf([at(1, 'x'.repeat(5000), 'P')])).length;
    expect(given).toBe(200);
    expect(assembler.end()).toEqual([]);
  });
});

test('a time that is none is shown as it was written; a line in parts that begins with such a one has its place for its time', () => {
  const odd = (order: number, part: Part): LogRecord => {
    const [record] = recordsOf([at(0, 'odd', part)]);
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
  const messages = new MessageAssembler(10).push([odd(4, ''), odd(5, 'P'), odd(6, 'F')]);
  expect(messages.map((message) => recordTime(message).seconds - BASE)).toEqual([4, 5]);
  const writer = new TextWriter(true);
  expect(Buffer.concat([...writer.write(messages), ...writer.end()]).toString()).toBe('noon odd\nnoon oddodd\n');
});
