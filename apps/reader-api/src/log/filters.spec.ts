import { LineDecoder, type LogRecord } from '@cordwood/log-record';
import { expect, test } from '@jest/globals';
import { textFilter } from './filters.ts';

const messages = (count: number): LogRecord[] => {
  const line = `${JSON.stringify({ time: '2026-11-20T10:00:00Z', stream: 'stdout', log: 'a'.repeat(1_000) })}\n`;
  return new LineDecoder('raw', () => true).decodeBlock(Buffer.from(line.repeat(count)));
};

/** A filter by a regular expression of which each match takes so many ms. */
function slowFilter(ms: number) {
  let now = 0;
  return textFilter({ contains: undefined, regex: 'b' }, () => (now += ms / 2) * 2);
}

test('a regular expression that takes too long in all is given up', () => {
  const filter = slowFilter(100);
  expect(() => messages(60).forEach((message) => filter?.(message))).toThrow(
    expect.objectContaining({ code: 'regex_too_costly' }),
  );
});

test('one that does not goes on for as long as the log', () => {
  const filter = slowFilter(0.4);
  expect(messages(100_000).some((message) => filter?.(message) === true)).toBe(false);
});
