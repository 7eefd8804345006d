import { isUtf8 } from 'node:buffer';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  encodeMerged,
  formatTime,
  type Instant,
  LineDecoder,
  type LogRecord,
  maxMergedLength,
  maxMessageLength,
  orderTime,
  type Part,
  recordIdentity,
  recordTime,
  writeMessage,
  writeTime,
} from './index.ts';

const decode = (format: 'raw' | 'merged', line: Uint8Array | string): LogRecord => {
  const [record, ...more] = new LineDecoder(format, isUtf8).decodeBlock(Buffer.from(line));
  expect(more).toEqual([]);
  return record!;
};

/** The line without its newline; also checks that the promised bound held. */
function encode(record: LogRecord, part: Part): Buffer {
  const target = Buffer.alloc(maxMergedLength(record) + 4, '#');
  const end = encodeMerged(record, part, target, 4);
  expect(end - 4).toBeLessThanOrEqual(maxMergedLength(record));
  expect(target.toString('latin1', 0, 4) + target.toString('latin1', end - 1, end + 1)).toMatch(/^####\n#?$/);
  return target.subarray(4, end - 1);
}

const messageOf = (record: LogRecord): string => {
  const target = Buffer.alloc(maxMessageLength(record));
  return target.toString('utf8', 0, writeMessage(record, target, 0));
};
const timeOf = (record: LogRecord): string => {
  const target = Buffer.alloc(record.timeEnd - record.timeStart);
  return target.toString('utf8', 0, writeTime(record, target, 0));
};

const message = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 200 }));
const instant: fc.Arbitrary<Instant> = fc.record({ seconds: fc.nat(4e9), nanos: fc.nat(999_999_999) });
const timeText = fc.oneof(
  instant.map(formatTime),
  fc.constantFrom('2026-11-20T10:00:00.123+02:00', '2026-11-20 10:00:00', 'noon', '"\\\u2028é', '12:00'),
);
const part: fc.Arbitrary<Part> = fc.constantFrom('', 'P', 'F');

test('a record survives being merged, with its ordering time', () => {
  fc.assert(
    fc.property(timeText, fc.boolean(), message, fc.option(instant), part, (time, stderr, log, order, kept) => {
      const raw = JSON.stringify({ time, stream: stderr ? 'stderr' : 'stdout', log });
      const record = decode('raw', raw);
      const given = order ?? orderTime(record);
      // What a sequencer would have found where the record does not tell.
      const { seconds, nanos } = Number.isNaN(given.seconds) ? { seconds: 5, nanos: 5 } : given;
      record.orderSeconds = seconds;
      record.orderNanos = nanos;

      const merged = decode('merged', encode(record, kept));
      expect(messageOf(merged)).toBe(log.toWellFormed());
      expect(timeOf(merged)).toBe(time.toWellFormed());
      expect(orderTime(merged)).toEqual({ seconds, nanos });
      expect(recordTime(merged)).toEqual(recordTime(record));
      expect([merged.stderr, merged.part, merged.parsed]).toEqual([stderr, kept, true]);
      expect(recordIdentity(merged)).toBe(recordIdentity(record));
      expect(encode(merged, kept)).toEqual(encode(record, kept));
    }),
    { numRuns: 1000 },
  );
});

test('the stored line is JSON in the documented form', () => {
  const line = (raw: string): string => encode(decode('raw', raw), '').toString();
  expect(line('{"time":"2026-11-20T10:00:00.50Z","stream":"stdout","logtag":"F","log":"a","kubernetes":{}}')).toBe(
    '{"time":"2026-11-20T10:00:00.50Z","log":"a"}',
  );
  expect(line('{"log":"a\\n","stream":"stderr","time":"2026-11-20T10:00:00Z","_p":"P"}')).toBe(
    '{"time":"2026-11-20T10:00:00Z","log":"a\\n","stream":"stderr"}',
  );
  expect(line('{"time":"2026-11-20T10:00:00Z","stream":"stdout"}')).toBe('{"time":"2026-11-20T10:00:00Z","log":""}');

  const odd = decode('raw', '{"time":"noon","stream":"stderr","log":"a"}');
  odd.orderSeconds = 0;
  odd.orderNanos = 1;
  expect(encode(odd, 'P').toString()).toBe(
    '{"time":"noon","log":"a","stream":"stderr","logtag":"P","ot":"1970-01-01T00:00:00.000000001Z"}',
  );
});
