import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareInstants,
  encodeMerged,
  type EndedStreams,
  type Instant,
  isTimed,
  LineDecoder,
  type LogRecord,
  maxMergedLength,
  plainMerged,
  type PlainRange,
  plainRawText,
  recordIdentity,
  recordTime,
  writeMessage,
  writeTime,
} from './index.ts';

/** 2026-11-20T10:00:00Z */
const START = 1_795_168_800;
const WINDOW = 10;
const NEVER: Instant = { seconds: Infinity, nanos: 0 };
const EVER: Instant = { seconds: -Infinity, nanos: 0 };
const ALL: PlainRange = { after: EVER, remember: NEVER, previous: START, window: WINDOW };
const ROOM = 1_000_000;

const spelled = (at: number, fraction: string, zone: string): string => {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)/.exec(zone) ?? [];
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 * (sign === '-' ? -1 : 1);
  return new Date((START + at + offset) * 1000).toISOString().slice(0, 19) + fraction + zone;
};
const log = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u0000', 'é', '🪵', 'x', '{', '\ud800'), maxLength: 40 }),
  fc.constantFrom(undefined, '', 'a line\n', '","log":"', 'x'.repeat(200)),
);
const map = fc.constantFrom({ pod: 'a' }, { pod: 'a', labels: { app: '}"{', list: [1, {}] } });

/** A line as Fluent Bit writes it: `at` seconds after START, or a little after the line before. */
const line = fc
  .record({
    step: fc.constantFrom(0, 0, 0, 1, -1, 9),
    fraction: fc.constantFrom('', '.5', '.123456', '.000000001', '.999999999'),
    zone: fc.constantFrom('Z', '+00:00', '+05:30', '-11:00'),
    stream: fc.constantFrom('stdout', 'stderr'),
    logtag: fc.constantFrom('F', 'F', undefined),
    log,
    kubernetes: fc.option(map, { nil: undefined }),
    _p: fc.constantFrom(undefined, 'F'),
    isLogFirst: fc.boolean(),
  })
  .map(({ step, fraction, zone, isLogFirst, ...fields }) => ({ step, fraction, zone, isLogFirst, fields }));

const lines = fc.array(line, { maxLength: 30 }).map((all) => {
  let at = 0;
  return all.map(({ step, fraction, zone, isLogFirst, fields: { log: message, ...rest } }) => {
    at = Math.max(0, at + step);
    const time = spelled(at, fraction, zone);
    return JSON.stringify(isLogFirst ? { time, log: message, ...rest } : { time, ...rest, log: message });
  });
});

/** Lines about which there is more to say, or which are spelled as Fluent Bit does not. */
const others = [
  'no JSON',
  '{"time":"2026-11-20T10:00:00Z","log":"a"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","logtag":"P","log":"a"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","logtag":"F:x","log":"a"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdin","log":"a"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","stream":"stdout","log":"a"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a","ot":"2026-11-20T10:00:00Z"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a","other":1}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a"} ',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a"',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"\\x"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"\t"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","kubernetes":{"a":"}"}',
  '{"time":"2026-11-20T10:00:00Z","stream":"stdout","kubernetes":{]}',
  '{"time":"2026-11-20T10:00:00","stream":"stdout","log":"no zone"}',
  '{"time":"2026-11-20 10:00:00Z","stream":"stdout","log":"a blank"}',
  '{"time":"2026-11-20T10:00:00.1234567890Z","stream":"stdout","log":"ten digits"}',
  '{"time":"2026-11-20T10:00:00.Z","stream":"stdout","log":"no digits"}',
  '{"time":"2026-11-31T10:00:00Z","stream":"stdout","log":"no such day"}',
  '{"time":"2026-11-20T24:00:00Z","stream":"stdout","log":"no such hour"}',
  '{"time":"2026-11-20T10:60:00Z","stream":"stdout","log":"no such minute"}',
  '{"time":"2026-11-20T10:00:61Z","stream":"stdout","log":"no such second"}',
  '{"time":"2600-11-20T10:00:00Z","stream":"stdout","log":"far off"}',
  '{"time":"1969-12-31T10:00:00Z","stream":"stdout","log":"long ago"}',
  '{"time":"noon","stream":"stdout","log":"a"}',
  '{"time":"\\u0032","stream":"stdout","log":"a"}',
  '{"stream":"stdout","time":"2026-11-20T10:00:00Z","log":"a"}',
  '{"time":"',
];

const decoder = new LineDecoder('raw', isUtf8);
const recordOf = (text: string): LogRecord => decoder.decodeBlock(Buffer.from(text))[0]!;
const isPlain = (record: LogRecord): boolean => record.parsed && isTimed(record) && record.part !== 'P';

/** What is to be taken of lines that are all plain, by way of their records. */
function expected(texts: readonly string[], range: PlainRange, endedBefore: EndedStreams) {
  const ended = { ...endedBefore };
  const target = Buffer.alloc(ROOM);
  let [size, previous] = [0, range.previous];
  const taken: LogRecord[] = [];
  for (const record of texts.map(recordOf)) {
    const isTaken =
      isPlain(record) &&
      compareInstants(recordTime(record), range.after) > 0 &&
      record.seconds - previous < range.window;
    if (!isTaken) break;
    previous = record.seconds;
    const stream = record.stderr ? 'stderr' : 'stdout';
    size = encodeMerged(record, record.part === 'F' && !ended[stream] ? 'F' : '', target, size);
    if (record.part === 'F') ended[stream] = true;
    taken.push(record);
  }
  const times = taken.map(recordTime).toSorted(compareInstants);
  const remembered = taken.filter((record) => compareInstants(recordTime(record), range.remember) >= 0);
  return (
    taken.length > 0 && {
      count: taken.length,
      text: target.toString('utf8', 0, size),
      first: recordTime(taken[0]!),
      last: recordTime(taken.at(-1)!),
      earliest: times[0],
      latest: times.at(-1),
      ended,
      identities: remembered.map(recordIdentity),
    }
  );
}

function merged(text: string, range = ALL, ended: EndedStreams = { stdout: false, stderr: false }, room = ROOM) {
  const plain = plainMerged(Buffer.from(text), range, ended, room);
  if (plain === undefined) return false;
  const { taken: _, ...rest } = plain;
  return { ...rest, text: Buffer.from(plain.text).toString(), identities: [...plain.identities] };
}

const instant = fc.record({ seconds: fc.integer({ min: START - 1, max: START + 4 }), nanos: fc.constantFrom(0, 5e8) });
const range = fc.record({
  after: fc.oneof(fc.constant(EVER), instant),
  remember: fc.oneof(fc.constant(NEVER), fc.constant(EVER), instant),
  previous: fc.integer({ min: START - 12, max: START }),
  window: fc.constantFrom(0, 0.5, 1, WINDOW),
});
const streams = fc.record({ stdout: fc.boolean(), stderr: fc.boolean() });

describe('plain raw lines', () => {
  test('become the merged lines, times and identities of their records, up to the first out of range', () => {
    fc.assert(
      fc.property(lines, range, streams, fc.constantFrom('', '\n', '\n\n'), (texts, wanted, ended, end) => {
        const text = texts.join(end === '\n\n' ? end : '\n') + end;
        expect(merged(text, wanted, ended)).toEqual(expected(texts, wanted, ended));
      }),
      { numRuns: 1000 },
    );
  });

  test('are taken up to the first that is not plain', () => {
    fc.assert(
      fc.property(lines, fc.constantFrom(...others), lines, (before, odd, after) => {
        const plain = before.filter((text) => recordOf(text).seconds < START + WINDOW);
        const text = [...plain, odd, ...after].map((each) => `${each}\n`).join('');
        expect(merged(text)).toEqual(expected(plain, ALL, { stdout: false, stderr: false }));
        const taken = plainMerged(Buffer.from(text), ALL, { stdout: false, stderr: false }, ROOM)?.taken ?? 0;
        expect(Buffer.from(text).toString('utf8', taken)).toBe([odd, ...after].map((each) => `${each}\n`).join(''));
      }),
      { numRuns: 500 },
    );
  });

  test('may have a leap second', () => {
    const text = '{"time":"2026-12-31T23:59:60Z","stream":"stdout","log":"a"}';
    const around = { ...ALL, previous: START + 86_400 * 60 };
    expect(merged(text, around)).toEqual(expected([text], around, { stdout: false, stderr: false }));
    expect(merged(text, around)).toMatchObject({ first: { seconds: Date.UTC(2027) / 1000, nanos: 0 } });
  });

  test('may be of a time before 1970, by their zone', () => {
    const text = '{"time":"1970-01-01T00:00:00.5+05:30","stream":"stdout","log":"a"}';
    const around = { ...ALL, previous: 0, remember: EVER };
    expect(merged(text, around)).toEqual(expected([text], around, { stdout: false, stderr: false }));
    expect(merged(text, around)).toMatchObject({ first: { seconds: -19_800, nanos: 5e8 } });
  });

  test('are not taken where there is less room than none', () => {
    const text = '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a"}';
    const rooms = [0, -1, -1000, -1_000_000, -1_000_000_000];
    expect(rooms.map((room) => merged(text, ALL, { stdout: false, stderr: false }, room))).toEqual(
      rooms.map(() => false),
    );
  });

  test('are taken as far as there is room, and never written beyond it', () => {
    fc.assert(
      fc.property(lines, fc.nat(2000), (texts, room) => {
        const all = { ...ALL, window: 1e9 };
        const block = Buffer.from(texts.map((each) => `${each}\n`).join(''));
        const parts: string[] = [];
        const most = Math.max(room, ...texts.map((text) => maxMergedLength(recordOf(text))));
        let ended: EndedStreams = { stdout: false, stderr: false };
        for (let rest = block; rest.length > 0;) {
          const plain = plainMerged(rest, all, ended, most)!;
          expect(plain.text.length).toBeLessThanOrEqual(most);
          parts.push(Buffer.from(plain.text).toString());
          ({ ended } = plain);
          rest = rest.subarray(plain.taken);
        }
        const whole = expected(texts, all, { stdout: false, stderr: false });
        expect(parts.join('')).toBe(whole === false ? '' : whole.text);
      }),
      { numRuns: 300 },
    );
  });

  test('are shown as their records are', () => {
    fc.assert(
      fc.property(lines, fc.boolean(), (texts, timestamps) => {
        const all = { ...ALL, window: 1e9, remember: EVER };
        const plain = plainRawText(Buffer.from(texts.join('\n')), all, { timestamps, inside: false });
        const shown = texts.map((text) => {
          const target = Buffer.alloc(1000);
          const record = recordOf(text);
          const time = timestamps ? `${target.toString('utf8', 0, writeTime(record, target, 0))} ` : '';
          const message = target.toString('utf8', 0, writeMessage(record, target, 0));
          return time + message + (message.endsWith('\n') ? '' : '\n');
        });
        expect(Buffer.from(plain?.text ?? '').toString()).toBe(shown.join(''));
        expect([...(plain?.identities ?? [])]).toEqual(texts.map((text) => recordIdentity(recordOf(text))));
      }),
      { numRuns: 500 },
    );
  });

  test('are no last parts while a line in parts is open', () => {
    const part = '{"time":"2026-11-20T10:00:00Z","stream":"stdout","logtag":"F","log":"a"}\n';
    const whole = '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"b"}\n';
    const shown = (inside: boolean): string =>
      Buffer.from(plainRawText(Buffer.from(whole + part), ALL, { timestamps: false, inside })?.text ?? '').toString();
    expect([shown(true), shown(false)]).toEqual(['b\n', 'b\na\n']);
  });

  test('more than is taken at a time is taken bit by bit, and a longer line not at all', () => {
    const text = '{"time":"2026-11-20T10:00:00Z","stream":"stdout","log":"a line of a log"}\n';
    const block = Buffer.from(text.repeat(10_000));
    let count = 0;
    for (let rest = block; rest.length > 0;) {
      const plain = plainMerged(rest, ALL, { stdout: true, stderr: true }, ROOM)!;
      count += plain.count;
      rest = rest.subarray(plain.taken);
    }
    expect(count).toBe(10_000);
    const long = Buffer.from(text.replace('a line', 'x'.repeat(200_000)) + text);
    expect(plainMerged(long, ALL, { stdout: true, stderr: true }, ROOM)).toBeUndefined();
  });
});
