import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseRetryAfter } from './answer-error.ts';
import { EventParser, type ServerEvent } from './event-parser.ts';
import { LineSplitter } from './lines.ts';
import { pinned } from './relative-times.ts';

/** The text in pieces of these sizes, over and over. */
function* pieces(text: string, sizes: readonly number[]): Generator<string> {
  for (let at = 0, index = 0; at < text.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield text.slice(at, at + size);
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

test('lines are the same however the text is cut', () => {
  const text = fc.array(fc.constantFrom('a', 'é', '\n', '\r', '\r\n', ' ', '𝒳')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, sizes, (whole, cuts) => {
      const expected = whole.split(/\r\n|\n|\r/);
      const splitter = new LineSplitter();
      const lines = [...pieces(whole, cuts)].flatMap((piece) => [...splitter.push(piece)]);
      expect([...lines, splitter.rest]).toEqual(expected);
    }),
  );
});

const events = (text: string, cuts: readonly number[] = [1000]): ServerEvent[] => {
  const parser = new EventParser();
  return [...pieces(text, cuts)].flatMap((piece) => [...parser.push(piece)]);
};

describe('events', () => {
  const message = (data: string, id?: string) => ({ type: 'message', data, id });
  test.each([
    ['data: one\n\n', [message('one')]],
    ['data:one\n\n', [message('one')]],
    ['data:  one\n\n', [message(' one')]],
    ['data: one\ndata\ndata: two\n\n', [message('one\n\ntwo')]],
    ['\uFEFFdata: one\n\n', [message('one')]],
    ['data: one\r\n\r\ndata: two\r\rdata: three\n\n', [message('one'), message('two'), message('three')]],
    ['event: end\ndata: {}\n\n', [{ type: 'end', data: '{}', id: undefined }]],
    // An event's name is of that event alone, an id stays.
    ['id: 7\nevent: x\ndata: 1\n\ndata: 2\n\n', [{ type: 'x', data: '1', id: '7' }, message('2', '7')]],
    [': a comment\n\nevent: none\n\nnonsense: 1\ndata: 1\n\n', [message('1')]],
    ['id: a\0b\ndata: 1\n\n', [message('1')]],
    // Not whole.
    ['data: one\n', []],
    ['data: one', []],
  ])('%j', (text, expected) => {
    expect(events(text)).toEqual(expected);
    expect(events(text, [1])).toEqual(expected);
  });

  test('the same however the stream is cut', () => {
    const part = fc.constantFrom(
      'data: x\n',
      'id: 1\n',
      'id: 2\r\n',
      'event: e\n',
      '\n',
      '\r\n',
      ': c\n',
      'data\n',
      'retry: 5\n',
    );
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        sizes,
        (text, cuts) => {
          expect(events(text, cuts)).toEqual(events(text));
        },
      ),
    );
  });

  test('where to go on is after the last event that came whole', () => {
    const parser = new EventParser();
    expect([...parser.push('id: 1\ndata: x\n\nid: 2\n')]).toHaveLength(1);
    expect(parser.lastId).toBe('1');
    expect([...parser.push('\n')]).toEqual([]);
    expect(parser.lastId).toBe('2');
  });
});

test.each([
  ['5', null, 5_000],
  [null, null, undefined],
  ['soon', null, undefined],
  ['Sat, 21 Nov 2026 10:00:30 GMT', 'Sat, 21 Nov 2026 10:00:00 GMT', 30_000],
  ['Sat, 21 Nov 2026 09:00:00 GMT', 'Sat, 21 Nov 2026 10:00:00 GMT', 0],
])('Retry-After: %s', (value, date, expected) => {
  expect(parseRetryAfter(value, date)).toBe(expected);
});

test('a duration back from now stays the time that it meant', () => {
  const date = 'Sat, 21 Nov 2026 10:00:00 GMT';
  expect(pinned('15m', date)).toBe('2026-11-21T09:45:00.000Z');
  expect(pinned('1.5h', date)).toBe('2026-11-21T08:30:00.000Z');
  expect(pinned('500ms', date)).toBe('2026-11-21T09:59:59.500Z');
  for (const value of ['2026-11-21T09:45:00Z', undefined, '15', '15 m']) expect(pinned(value, date)).toBe(value);
  expect(pinned('15m', null)).toBe('15m');
});
