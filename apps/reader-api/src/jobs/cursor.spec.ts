import { expect, test } from '@jest/globals';
import { createCursors } from './cursor.ts';

const cursors = createCursors(undefined);

test('a cursor gives back the job', () => {
  for (const job of ['a', 'a-b.c', '0'.repeat(253)]) {
    for (const sealed of [false, true]) expect(cursors.parse(cursors.format(job, sealed))).toBe(job);
  }
});

test('a sealed one tells nothing, and only those with its secret can read it', () => {
  const sealed = cursors.format('secret-job', true);
  expect(sealed).toHaveLength(cursors.format('a', true).length);
  expect(sealed).not.toBe(cursors.format('secret-job', true));
  expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('secret');
  expect(createCursors(undefined).parse(sealed)).toBeUndefined();
  expect(createCursors('one').parse(createCursors('one').format('a', true))).toBe('a');
  expect(createCursors('other').parse(createCursors('one').format('a', true))).toBeUndefined();
});

test.each([
  '',
  'x',
  '1:a',
  Buffer.from('2:a').toString('base64url'),
  cursors.format('A', false),
  `${cursors.format('abc', false)}=`,
])('%j is none', (text) => expect(cursors.parse(text)).toBeUndefined());
