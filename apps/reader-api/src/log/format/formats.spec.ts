import type { LogMessages } from '@cordwood/live-log';
import type { LogRecord } from '@cordwood/log-record';
import { formatMark, type MessageMark, parseMark } from '@cordwood/log-store';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ChunkWriter } from './chunk-writer.ts';
import { EventFormat } from './events.ts';
import { NdjsonFormat } from './ndjson.ts';
import { TextFormat } from './text.ts';

interface Message {
  readonly time: string;
  readonly log: string;
  readonly stderr: boolean;
}

const INSTANCE = { namespace: 'jobs', container: 'main', containerId: 'c0ffee' };

/** As it would have been decoded: the inside of a JSON string, escaped as the writer pleased. */
function record({ time, log, stderr }: Message, ascii: boolean): LogRecord {
  const json = JSON.stringify(log);
  const inside = (
    ascii ? json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : json
  ).slice(1, -1);
  const bytes = Buffer.from(`${time}|${inside}|`);
  const logStart = Buffer.byteLength(time) + 1;
  return {
    bytes,
    timeBytes: bytes,
    timeStart: 0,
    timeEnd: logStart - 1,
    logStart,
    logEnd: bytes.length - 1,
    escaped: inside.includes('\\'),
    stderr,
    part: '',
    parsed: true,
    seconds: 1,
    nanos: 2,
    orderSeconds: 1,
    orderNanos: 2,
  };
}

const markOf = (index: number): MessageMark => ({
  namespace: 'jobs',
  containerId: 'c0ffee',
  time: { seconds: 1, nanos: 2 },
  hash: 3,
  nth: index + 1,
  findFrom: { seconds: 1, nanos: 2 },
});

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\r', '\t', '\u0000', '\u2028', 'é', '🪵', 'x', ' ', ':', '{') }),
  // Longer than a chunk.
  fc
    .tuple(fc.constantFrom('a', 'é', '"\\'), fc.integer({ min: 60_000, max: 140_000 }))
    .map(([unit, count]) => unit.repeat(count)),
);
const message = fc.record({
  time: fc.constant<string>('2026-11-20T10:00:00.123456789+02:00'),
  log: text.map((each) => each.toWellFormed()),
  stderr: fc.boolean(),
});
const batches = fc.array(
  fc.record({ live: fc.boolean(), ascii: fc.boolean(), messages: fc.array(message, { minLength: 1, maxLength: 6 }) }),
  { maxLength: 6 },
);
type Batches = typeof batches extends fc.Arbitrary<infer T> ? T : never;

const eventOf = ({ live, ascii, messages }: Batches[number]): LogMessages => ({
  kind: 'messages',
  instance: INSTANCE,
  live,
  messages: messages.map((each) => record(each, ascii)),
  markOf,
});

/** What a format makes of the batches, handed on in pieces as it comes. */
function written(given: Batches, format: (writer: ChunkWriter) => TextFormat | NdjsonFormat | EventFormat): string {
  const writer = new ChunkWriter();
  const encoder = format(writer);
  const chunks: Uint8Array[] = [];
  for (const [index, batch] of given.entries()) {
    encoder.messages(eventOf(batch), 0, batch.messages.length);
    chunks.push(...(index % 2 === 0 ? writer.full() : writer.flush()));
  }
  chunks.push(...writer.flush());
  expect(writer.isEmpty).toBe(true);
  expect(writer.written).toBe(chunks.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat(chunks).toString();
}

const expectedJson = (given: Batches) =>
  given.flatMap(({ live, messages }) =>
    messages.map(({ time, log, stderr }) => ({
      time,
      ...(!live && { stream: stderr ? 'stderr' : 'stdout' }),
      namespace: 'jobs',
      container: 'main',
      container_id: 'c0ffee',
      log,
    })),
  );

test('any message comes out of text as it is', () => {
  fc.assert(
    fc.property(batches, fc.boolean(), fc.boolean(), (given, timestamps, prefix) => {
      const options = { timestamps, prefix, separator: '---', debug: false };
      const lines = given.flatMap(({ messages }) =>
        messages.map(
          ({ time, log }) =>
            `${prefix ? 'main ' : ''}${timestamps ? `${time} ` : ''}${log}${log.endsWith('\n') ? '' : '\n'}`,
        ),
      );
      expect(written(given, (writer) => new TextFormat(writer, options)) === lines.join('')).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('any message comes out of NDJSON as itself', () => {
  fc.assert(
    fc.property(batches, (given) => {
      const lines = written(given, (writer) => new NdjsonFormat(writer, false)).split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(expectedJson(given));
    }),
    { numRuns: 100 },
  );
});

test('any message comes out of events as itself, with its mark', () => {
  fc.assert(
    fc.property(batches, (given) => {
      const blocks = written(given, (writer) => new EventFormat(writer)).split('\n\n');
      expect(blocks.pop()).toBe('');
      const events = blocks.map((block) => /^id: (\S+)\ndata: ([^\n]*)$/.exec(block) ?? []);
      expect(events.map(([, , data = '']) => JSON.parse(data) as unknown)).toEqual(expectedJson(given));
      const marks = given.flatMap(({ messages }) => messages.map((_, index) => markOf(index)));
      expect(events.map(([, id = '']) => parseMark(id))).toEqual(marks);
    }),
    { numRuns: 100 },
  );
});

test('a message that is escaped in another way is the same JSON value, and bytes that are handed on stay as they are', () => {
  const writer = new ChunkWriter();
  const encoder = new NdjsonFormat(writer, true);
  const of = (log: string, ascii: boolean): Batches[number] => ({
    live: false,
    ascii,
    messages: [{ time: 't', log, stderr: false }],
  });
  encoder.messages(eventOf(of('é🪵', true)), 0, 1);
  const first = writer.flush();
  const before = Buffer.concat(first).toString();
  encoder.messages(eventOf(of('é🪵', false)), 0, 1);
  encoder.end({ cursor: null, hasMore: false, reason: 'complete' });
  expect(Buffer.concat(first).toString()).toBe(before);
  expect(JSON.parse(before)).toMatchObject({ log: 'é🪵' });
  expect(
    Buffer.concat(writer.flush())
      .toString()
      .split('\n')
      .map((line) => line && (JSON.parse(line) as unknown)),
  ).toMatchObject([{ log: 'é🪵' }, { next_cursor: null, has_more: false }, '']);
});

test('what is no message', () => {
  const gap = {
    kind: 'gap',
    instance: INSTANCE,
    after: { seconds: 0, nanos: 5 },
    before: { seconds: 1, nanos: 0 },
  } as const;
  const of = (format: (writer: ChunkWriter) => TextFormat | NdjsonFormat | EventFormat) => {
    const writer = new ChunkWriter();
    const encoder = format(writer);
    encoder.live();
    encoder.gap(gap);
    encoder.gap({ ...gap, after: undefined });
    encoder.end({ cursor: formatMark(markOf(0)), hasMore: true, reason: 'page' });
    return Buffer.concat(writer.flush()).toString();
  };
  const times = ['1970-01-01T00:00:00.000000005Z', '1970-01-01T00:00:01.000000000Z'];
  expect(
    of((writer) => new TextFormat(writer, { timestamps: false, prefix: false, separator: '---', debug: false })),
  ).toBe(
    `---\n--- lines of main may be missing after ${times[0]} and before ${times[1]}\n--- lines of main may be missing before ${times[1]}\n`,
  );
  const whose = '"namespace":"jobs","container":"main","container_id":"c0ffee"';
  const json = [`{${whose},"after":"${times[0]}","before":"${times[1]}"}`, `{${whose},"before":"${times[1]}"}`];
  expect(of((writer) => new NdjsonFormat(writer, false))).toBe(json.map((each) => `{"gap":${each}}\n`).join(''));
  expect(of((writer) => new EventFormat(writer))).toBe(
    `event: live\ndata: {}\n\n${json.map((each) => `event: gap\ndata: ${each}\n\n`).join('')}` +
      `event: end\ndata: {"reason":"page","next_cursor":"${formatMark(markOf(0))}","has_more":true}\n\n`,
  );
});

test('debug: a line where another source begins', () => {
  const writer = new ChunkWriter();
  const encoder = new TextFormat(writer, { timestamps: false, prefix: false, separator: '---', debug: true });
  const of = (log: string, live: boolean) =>
    eventOf({ live, ascii: false, messages: [{ time: 't', log, stderr: false }] });
  for (const event of [of('a', false), of('b', false), of('c', true)]) encoder.messages(event, 0, 1);
  expect(Buffer.concat(writer.flush()).toString()).toBe(
    '--- archive jobs/main c0ffee\na\nb\n--- kubernetes jobs/main c0ffee\nc\n',
  );
});
