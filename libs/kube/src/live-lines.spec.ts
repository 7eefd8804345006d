import { describe, expect, test } from '@jest/globals';
import { isUtf8 } from 'node:buffer';
import { type Instant, LineDecoder, type LogRecord, parseTime } from '@cordwood/log-record';
import fc from 'fast-check';
import { LiveLines } from './index.ts';
import { shown } from './spec-support.ts';

const TIME = '2026-11-21T10:00:00.000000001Z';
const LATER = '2026-11-21T10:00:01.000000001+02:00';

/** The records of a log that comes in these chunks, and ends. */
function records(chunks: readonly (string | Uint8Array)[], maxMessage = 1024, before?: Instant): LogRecord[] {
  const lines = new LiveLines({ maxMessage, before });
  const found = chunks.flatMap((chunk) => lines.push(Buffer.from(chunk as Uint8Array)));
  return [...found, ...lines.end()];
}

const texts = (...chunks: readonly (string | Uint8Array)[]): string[] => records(chunks).map(shown);

/** Cuts the bytes at these places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length));
}

/** What a container may write on a line. */
const message = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\n', ' ')),
  fc.stringMatching(/^["\\\t\u001b\u0000-\u0009\u000b-\u001f a-z]{0,60}$/),
  fc.constant('"quoted" \\ back\\slashed\r'),
  fc.constant(`${TIME} looks like a time`),
  fc.constant(''),
);

const time = fc
  .record({ seconds: fc.integer({ min: 0, max: 4_000_000_000 }), nanos: fc.integer({ min: 0, max: 999_999_999 }) })
  .map(
    ({ seconds, nanos }) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`,
  );

const places = fc.array(fc.nat(5000), { maxLength: 30 });

describe('LiveLines', () => {
  test('gives time and message of each line', () => {
    const [first, second, ...none] = records([`${TIME} one\n${LATER} two words \n`]);
    expect([shown(first!), shown(second!), ...none]).toEqual([`${TIME} one`, `${LATER} two words `]);
    expect({ seconds: second!.seconds, nanos: second!.nanos }).toEqual(parseTime(LATER));
    expect(second).toMatchObject({
      orderSeconds: second!.seconds,
      orderNanos: 1,
      stderr: false,
      part: '',
      parsed: true,
    });
  });

  test('property: what was written comes out, however it was cut into chunks', () => {
    const lines = fc.array(fc.tuple(time, message), { maxLength: 20 });
    fc.assert(
      fc.property(lines, places, (written, at) => {
        const bytes = Buffer.from(written.map(([when, text]) => `${when} ${text}\n`).join(''));
        // An unpaired surrogate can't be written; its bytes are those of U+FFFD.
        const expected = written.map(([when, text]) => `${when} ${text.toWellFormed()}`);
        expect(texts(...cut(bytes, at))).toEqual(expected);
      }),
    );
  });

  test('property: any bytes in any chunks give the same records', () => {
    const bytes = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 50 }),
        fc.constant(Buffer.from(`\n${TIME} `)),
        fc.constant(Buffer.from('\n')),
        fc.constant(Buffer.from('é€😀'.repeat(9))),
      ),
      { maxLength: 20 },
    );
    const before = fc.option(fc.constant({ seconds: 5, nanos: 0 }), { nil: undefined });
    fc.assert(
      fc.property(bytes, places, fc.integer({ min: 4, max: 40 }), before, (parts, at, maxMessage, first) => {
        const log = Buffer.concat(parts);
        const whole = records([log], maxMessage, first).map(shown);
        expect(records(cut(log, at), maxMessage, first).map(shown)).toEqual(whole);
        // One by one, too.
        expect(records(cut(log, Array.from(log.keys())), maxMessage, first).map(shown)).toEqual(whole);
      }),
    );
  });

  test('property: the pieces of a long message make up the message', () => {
    fc.assert(
      fc.property(message, message, fc.integer({ min: 4, max: 40 }), places, (one, two, maxMessage, at) => {
        const text = `${one}${two}`.toWellFormed();
        const pieces = records(cut(Buffer.from(`${TIME} ${text}\n`), at), maxMessage).map(shown);
        expect(pieces.map((piece) => piece.slice(TIME.length + 1)).join('')).toBe(text);
        expect(pieces.every((piece) => piece.startsWith(`${TIME} `))).toBe(true);
        expect(pieces.length).toBeGreaterThanOrEqual(Math.max(1, Math.ceil(Buffer.byteLength(text) / maxMessage)));
      }),
    );
  });

  test('property: records can be written into JSON as they stand', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 4, max: 40 }), (bytes, maxMessage) => {
        for (const record of records([Buffer.concat([Buffer.from(`${TIME} `), bytes])], maxMessage)) {
          const inside = Buffer.from(record.bytes.subarray(record.logStart, record.logEnd));
          expect(isUtf8(inside)).toBe(true);
          expect(`${TIME} ${JSON.parse(`"${inside.toString()}"`) as string}`).toBe(shown(record));
          expect(record.escaped).toBe(inside.includes('\\'));
        }
      }),
    );
  });

  test('property: a message is the same record as in a file of Fluent Bit', () => {
    fc.assert(
      fc.property(time, message, (when, text) => {
        const line = Buffer.from(
          JSON.stringify({ time: when, stream: 'stdout', logtag: 'F', log: text.toWellFormed() }),
        );
        const [archived] = new LineDecoder('raw', isUtf8).decodeBlock(line);
        const [live] = records([`${when} ${text}\n`]);
        const inside = (record: LogRecord) =>
          Buffer.from(record.bytes.subarray(record.logStart, record.logEnd)).toString();
        expect([shown(live!), inside(live!), live!.seconds, live!.nanos]).toEqual([
          shown(archived!),
          inside(archived!),
          archived!.seconds,
          archived!.nanos,
        ]);
      }),
    );
  });

  test('a line without a time takes that of the line before', () => {
    expect(texts(`${TIME} one\nand more\n\n${LATER} two\n2026 is no time\n`)).toEqual([
      `${TIME} one`,
      `${TIME} and more`,
      `${TIME} `,
      `${LATER} two`,
      `${LATER} 2026 is no time`,
    ]);
  });

  test.each([[[`torn line\n\n${TIME} one\n`]], [['torn', ' line\n\n', `${TIME} one\n`]]])(
    'what is left of a line that began before the log does is dropped: %j',
    (chunks) => {
      const lines = new LiveLines({ maxMessage: 1000 });
      expect(chunks.flatMap((chunk) => lines.push(Buffer.from(chunk))).map(shown)).toEqual([`${TIME} one`]);
      expect(lines.dropped).toBe(2);
    },
  );

  test('however long that is', () => {
    const lines = new LiveLines({ maxMessage: 10 });
    for (let i = 0; i < 100; i++) expect(lines.push(Buffer.from('xxxxxxxxxx'))).toEqual([]);
    expect(lines.push(Buffer.from(`x\n${TIME} one\n`)).map(shown)).toEqual([`${TIME} one`]);
    expect(lines.dropped).toBe(1);
  });

  test('the first lines take the time that they are given, where they have none', () => {
    const before = { seconds: 1_000_000_000, nanos: 5 };
    const lines = new LiveLines({ maxMessage: 10, before });
    expect(lines.push(Buffer.from('a\n')).map((record) => [shown(record), record.seconds, record.nanos])).toEqual([
      ['2001-09-09T01:46:40.000000005Z a', before.seconds, before.nanos],
    ]);
  });

  test('bytes that are no UTF-8 become U+FFFD, and do not touch other lines', () => {
    const bad = Buffer.concat([Buffer.from(`${TIME} a"`), Buffer.from([0xff, 0xc3]), Buffer.from(`b\n${LATER} é\n`)]);
    expect(texts(bad)).toEqual([`${TIME} a"\ufffd\ufffdb`, `${LATER} é`]);
  });

  test('pieces into which a character may not fit are refused', () => {
    expect(() => new LiveLines({ maxMessage: 3 })).toThrow(RangeError);
  });

  test('messages that are too long are cut, between characters, and keep their time', () => {
    expect(records([`${TIME} abcdefgh\n${TIME} €€€€\n${TIME} x\n`], 4).map(shown)).toEqual(
      ['abcd', 'efgh', '€', '€', '€', '€', 'x'].map((text) => `${TIME} ${text}`),
    );
  });

  test.each([3, 80])('what begins like a line in the middle of one does not begin one: then %i bytes', (more) => {
    // Byte by byte, the first pieces are given when 52 bytes have come: two of the message, and a byte is left.
    const text = `${'0123456789'.repeat(2)}${LATER} ${'x'.repeat(more)}`;
    for (const chunks of [[`${TIME} ${text}\n`], Array.from(`${TIME} ${text}\n`)]) {
      const pieces = records(chunks, 10).map((record) => shown(record).split(`${TIME} `)[1]);
      expect(pieces.join('')).toBe(text);
    }
  });

  test('a line without end takes no more memory than its longest piece', () => {
    const lines = new LiveLines({ maxMessage: 1000 });
    let given = lines.push(Buffer.from(`${TIME} `)).length;
    let longest = 0;
    for (let i = 0; i < 1000; i++) {
      const pieces = lines.push(Buffer.alloc(777, 'x'));
      given += pieces.length;
      for (const piece of pieces) longest = Math.max(longest, piece.logEnd - piece.logStart);
    }
    expect({ given, longest }).toEqual({ given: 776, longest: 1000 });
    expect(lines.unfinished).toBe(true);
    expect(lines.end().map((record) => record.logEnd - record.logStart)).toEqual([1000]);
  });

  test('says whether the log ends within a line', () => {
    const lines = new LiveLines({ maxMessage: 1000 });
    lines.push(Buffer.from(`${TIME} a`));
    expect(lines.unfinished).toBe(true);
    lines.push(Buffer.from('b\n'));
    expect(lines.unfinished).toBe(false);
  });

  test.each([
    'failed to create fsnotify watcher: too many open files',
    'rpc error: code = NotFound desc = an error occurred when try to find container "x": not found',
  ])('a message of the kubelet after the last line is no line: %s', (error) => {
    const lines = new LiveLines({ maxMessage: 1000 });
    const found = lines.push(Buffer.from(`${TIME} one\n${error}`)).map(shown);
    expect([...found, ...lines.end().map(shown)]).toEqual([`${TIME} one`]);
    expect(lines.kubeletError).toBe(error);
  });

  test('what an application wrote is a line, even when it reads like one', () => {
    const lines = new LiveLines({ maxMessage: 1000 });
    const text = `${TIME} rpc error: code = Unknown\nrpc error: code = Unknown\n${TIME} rpc error: code = Unknown`;
    const found = [...lines.push(Buffer.from(text)), ...lines.end()].map(shown);
    expect(found).toEqual(Array.from({ length: 3 }, () => `${TIME} rpc error: code = Unknown`));
    expect(lines.kubeletError).toBeUndefined();
  });
});
