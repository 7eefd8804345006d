import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { sinceParameter } from './parameters.ts';
import { decodeQuery, parameter, parseQuery } from './query.ts';

const schema = z.strictObject({
  word: parameter('a word', (text) => (/^\w+$/.test(text) ? text : undefined)).optional(),
  since: sinceParameter.optional(),
});

test('what is good', () => {
  expect(decodeQuery(schema, '')).toEqual({});
  expect(decodeQuery(schema, '&word=a%5f1&')).toEqual({ word: 'a_1' });
  expect(decodeQuery(schema, 'since=1.5h')).toEqual({ since: { msAgo: 5_400_000 } });
  const at = { seconds: Date.UTC(2026, 10, 20, 10) / 1000, nanos: 120_000_000 };
  for (const time of ['10:00:00.12Z', '10:00:00.12', '12:00:00.12%2b02:00', '12:00:00.12+02:00', '08:00:00.12-0200']) {
    expect(decodeQuery(schema, `since=2026-11-20T${time}`)).toEqual({ since: { at } });
  }
});

test.each([
  ['word=a+b', 'word holds "a b": a word is allowed'],
  ['word', 'word holds "": a word is allowed'],
  ['words=1', 'unknown parameter "words": allowed are word, since'],
  ['__proto__=1', 'unknown parameter "__proto__": allowed are word, since'],
  ['x=1&word=%20&y=2', 'word holds " ": a word is allowed; unknown parameter "x", "y": allowed are word, since'],
  ['word=1&word=1', '"word" is given twice: once is allowed'],
  ['word=%', '"%" in the query is not percent-encoded UTF-8'],
  [`word=${'-'.repeat(300)}`, `word holds "${'-'.repeat(100)}…": a word is allowed`],
])('%s', (query, message) => {
  expect(() => decodeQuery(schema, query)).toThrow(expect.objectContaining({ message }));
});

test('names that every object has are names like others', () => {
  expect(parseQuery('toString=1&constructor=2')).toEqual({ toString: '1', constructor: '2' });
});
