import { isUtf8 } from 'node:buffer';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineDecoder, recordIdentity } from './index.ts';

const identity = (line: string): number => {
  const [record] = new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(line));
  return recordIdentity(record!);
};

interface Line {
  readonly seconds: number;
  readonly nanos: number;
  readonly stderr: boolean;
  readonly message: string;
}
const line: fc.Arbitrary<Line> = fc.record({
  seconds: fc.nat(59),
  nanos: fc.nat(999_999_999),
  stderr: fc.boolean(),
  message: fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom('a', 'b', '\\', '"', '\0') })),
});

const two = (value: number): string => value.toString().padStart(2, '0');
const plain = ({ seconds, nanos, stderr, message }: Line): string =>
  JSON.stringify({
    time: `2026-11-20T10:00:${two(seconds)}.${nanos.toString().padStart(9, '0')}Z`,
    stream: stderr ? 'stderr' : 'stdout',
    logtag: 'F',
    log: message,
  });

/** The same record as another writer might spell it: other zone, more digits, all escaped, other order, more fields. */
function otherwise({ seconds, nanos, stderr, message }: Line): string {
  const time = `2026-11-20t12:30:${two(seconds)}.${nanos.toString().padStart(9, '0')}000+0230`;
  const escaped = Array.from({ length: message.length }, (_, at) => message.charCodeAt(at))
    .map((code) => `\\u${code.toString(16).padStart(4, '0').toUpperCase()}`)
    .join('');
  return `{"log":"${escaped}","kubernetes":{"x":1},"stream":"${stderr ? 'stderr' : 'stdout'}","_p":"P","time":"${time}"}`;
}

test('a record is the same in any spelling', () => {
  fc.assert(
    fc.property(line, (one) => {
      expect(identity(otherwise(one))).toBe(identity(plain(one)));
    }),
  );
  expect(identity('{"time":"no\\u006fn","stream":"stdout","log":"x"}')).toBe(
    identity('{"log":"x","stream":"stdout","time":"noon"}'),
  );
});

test('records that differ in time, stream or message differ', () => {
  const change = fc.constantFrom<(one: Line) => Line>(
    (one) => ({ ...one, seconds: (one.seconds + 1) % 60 }),
    (one) => ({ ...one, nanos: (one.nanos + 1) % 1_000_000_000 }),
    (one) => ({ ...one, stderr: !one.stderr }),
    (one) => ({ ...one, message: `${one.message}x` }),
    (one) => ({ ...one, message: `\0${one.message}` }),
    (one) => ({ ...one, message: one.message.slice(1) + (one.message === '' ? 'x' : '') }),
  );
  fc.assert(
    fc.property(line, change, (one, changed) => {
      expect(identity(plain(changed(one)))).not.toBe(identity(plain(one)));
    }),
    { numRuns: 500 },
  );
});

test('100,000 similar records have 100,000 identities', () => {
  const identities = new Set<number>();
  for (let i = 0; i < 100_000; i++) {
    identities.add(identity(plain({ seconds: i % 60, nanos: 0, stderr: false, message: `step ${i}` })));
  }
  expect(identities.size).toBe(100_000);
});

test('differences in the same place of several words do not cancel each other out', () => {
  const identities = new Set<number>();
  const letters = Array.from('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ');
  for (const x of letters)
    for (const y of letters)
      for (const z of letters.slice(0, 8))
        identities.add(identity(plain({ seconds: 1, nanos: 0, stderr: false, message: `abc${x}abc${y}abc${z}` })));
  expect(identities.size).toBe(letters.length * letters.length * 8);
});

test('a message longer than any before is hashed whole', () => {
  const long = { seconds: 1, nanos: 1, stderr: false, message: 'x'.repeat(300_000) };
  expect(identity(plain(long))).not.toBe(identity(plain({ ...long, message: `${long.message}y` })));
});
