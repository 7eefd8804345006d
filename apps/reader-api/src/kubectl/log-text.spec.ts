import { isUtf8 } from 'node:buffer';
import { LineDecoder, RawSequencer } from '@cordwood/log-record';
import { expect, test } from '@jest/globals';
import { kubeletLines, limited } from './log-text.ts';

/** 2026-11-20T10:00:00Z, the date in the key. */
const KEY = 1_795_168_800;

const records = (...lines: object[]) => {
  const text = lines.map((line) => JSON.stringify({ stream: 'stdout', ...line })).join('\n');
  const sequencer = new RawSequencer(KEY, 10_000);
  return [...sequencer.push(new LineDecoder('raw', isUtf8).decodeBlock(Buffer.from(text))), ...sequencer.end()];
};
const print = (timestamps: boolean, ...lines: object[]) =>
  Buffer.from(kubeletLines(records(...lines), timestamps)).toString();

test.each([
  ['2026-11-20T10:00:00.123456789Z', '2026-11-20T10:00:00.123456789Z'],
  ['2026-11-20T10:00:00.5Z', '2026-11-20T10:00:00.500000000Z'],
  ['2026-11-20T10:00:00Z', '2026-11-20T10:00:00.000000000Z'],
  ['2026-11-20T10:00:00.1234567899Z', '2026-11-20T10:00:00.123456789Z'],
  ['2026-11-20 10:00:00', '2026-11-20T10:00:00.000000000Z'],
  ['2026-11-20T12:00:00.25+02:00', '2026-11-20T12:00:00.250000000+02:00'],
  ['2026-11-20T12:00:00.25+0200', '2026-11-20T12:00:00.250000000+02:00'],
  ['2026-11-20T05:30:00-04:30', '2026-11-20T05:30:00.000000000-04:30'],
  ['2026-11-20T10:00:00+00:00', '2026-11-20T10:00:00.000000000Z'],
  ['2026-11-20T10:30:00+00:30', '2026-11-20T10:30:00.000000000+00:30'],
])('the time %s is printed as %s', (time, printed) => {
  expect(print(true, { time, log: 'x' })).toBe(`${printed} x\n`);
});

test('a record whose time is none has that of its place', () => {
  const time = '2026-11-20T10:00:00.000000007Z';
  expect(print(true, { time, log: 'a' }, { time: 'noon', log: 'b' })).toBe(`${time} a\n${time} b\n`);
});

test('a newline after each message that has none', () => {
  const time = '2026-11-20T10:00:00Z';
  expect(print(false, { time, log: 'a\n' }, { time, log: '' }, { time, log: 'b\nc' })).toBe('a\n\nb\nc\n');
});

test.each([1, 3, 4, 5, 100])('the first %i bytes, and nothing is asked for after them', async (bytes) => {
  let asked = 0;
  let ended = false;
  const chunks = async function* () {
    try {
      for (const chunk of ['abc', 'de', 'f']) {
        asked++;
        yield Buffer.from(chunk);
      }
    } finally {
      ended = true;
    }
  };
  const got: Uint8Array[] = [];
  for await (const chunk of limited(chunks(), bytes)) got.push(chunk);
  expect([Buffer.concat(got).toString(), ended]).toEqual(['abcdef'.slice(0, bytes), true]);
  expect(asked).toBe(bytes <= 3 ? 1 : bytes <= 5 ? 2 : 3);
});
