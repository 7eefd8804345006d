import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import { LineDecoder } from './decode-line.ts';
import { messageLength, writeMessage, writeTime } from './encode.ts';
import { textHash } from './identity.ts';
import { detachedRecords, joinParts } from './joined.ts';
import { type LogRecord, orderTime, recordTime } from './record.ts';

const recordsOf = (...lines: readonly object[]): LogRecord[] =>
  new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));

const line = (second: number, log: string, more: object = {}): object => ({
  time: `2026-11-20T10:00:0${second.toString()}Z`,
  stream: 'stdout',
  log,
  ...more,
});

function textOf(record: LogRecord): string {
  const target = Buffer.alloc(record.logEnd - record.logStart);
  return target.toString('utf8', 0, writeMessage(record, target, 0));
}

function timeOf(record: LogRecord): string {
  const target = Buffer.alloc(100);
  return target.toString('utf8', 0, writeTime(record, target, 0));
}

describe('joined parts', () => {
  test('have the text of all, the time of the first and the place of the last', () => {
    const parts = recordsOf(
      line(1, 'a"b', { logtag: 'P' }),
      line(2, 'é\\', { logtag: 'P' }),
      line(3, 'c\n', { logtag: 'F' }),
    );
    const joined = joinParts(parts);
    expect([textOf(joined), timeOf(joined), joined.part]).toEqual(['a"bé\\c\n', '2026-11-20T10:00:01Z', '']);
    expect(recordTime(joined)).toEqual(recordTime(parts[0]!));
    expect(orderTime(joined)).toEqual(orderTime(parts[2]!));
    expect(messageLength(joined)).toBe(Buffer.byteLength('a"bé\\c\n'));
  });

  test('keep the place of the first where it has no time of its own', () => {
    const [first, last] = recordsOf(line(1, 'a'), line(2, 'b'));
    const joined = joinParts([{ ...first!, seconds: NaN }, last!]);
    expect(recordTime(joined)).toEqual(orderTime(first!));
  });
});

test('detached records are what they were, in bytes of their own', () => {
  const records = recordsOf(line(1, 'first'), line(2, '"second"', { stream: 'stderr' }), line(3, ''));
  const detached = detachedRecords(records);
  expect(detached.map((record) => [timeOf(record), textOf(record), record.stderr])).toEqual(
    records.map((record) => [timeOf(record), textOf(record), record.stderr]),
  );
  const bytes = records.reduce((sum, one) => sum + one.timeEnd - one.timeStart + one.logEnd - one.logStart, 0);
  expect(detached.map((record) => record.bytes.buffer.byteLength)).toEqual([bytes, bytes, bytes]);
});

test('the hash of a text is of its text alone, without the newline that ends it', () => {
  const hash = (log: string, more: object = {}): number => textHash(recordsOf(line(1, log, more))[0]!);
  expect(hash('text\n')).toBe(hash('text'));
  expect(hash('text', { stream: 'stderr', time: '2026-11-20T11:00:00Z', logtag: 'F' })).toBe(hash('text'));
  expect(hash('a"b\u0041')).toBe(
    textHash(
      new LineDecoder('raw', isUtf8).decodeBlock(
        Buffer.from('{"time":"2026-11-20T10:00:01Z","stream":"stdout","log":"\\u0061\\"b\\u0041"}\n'),
      )[0]!,
    ),
  );
  const different = [
    '',
    'a',
    'aa',
    'aaa',
    'aaaa',
    'aaaaa',
    'text',
    'text ',
    'text\n\n',
    '\u0000',
    '\u0000\u0000',
    'TEXT',
  ];
  expect(new Set(different.map((text) => hash(text))).size).toBe(different.length);
  expect(hash('')).toBe(hash('\n'));
});
