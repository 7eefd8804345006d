import { expect, test } from '@jest/globals';
import { createCursors } from '../jobs/cursor.ts';
import { formatContinue, parseContinue, type Place } from './continue.ts';
import { StatusError } from './status.ts';

const cursors = createCursors('secret');
const places: [string, Place][] = [
  ['the beginning', { live: '', hidden: true }],
  ['a token of Kubernetes', { live: 'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ=='.repeat(30), hidden: true }],
  ['before the archive', { after: undefined }],
  ['in the archive', { after: { name: 'some-job', hidden: true } }],
];

test.each(places)('%s: there and back', (_name, place) => {
  expect(parseContinue(formatContinue(place, cursors), cursors)).toEqual(place);
});

test('what is not hidden can be read, and goes on by any replica', () => {
  const token = formatContinue({ live: 'kubernetes', hidden: false }, cursors);
  expect(Buffer.from(token, 'base64url').toString()).toBe('1:live:kubernetes');
  expect(parseContinue(token, createCursors(undefined))).toMatchObject({ live: 'kubernetes' });
});

test('what is hidden cannot, and how long it is neither', () => {
  const [short, long] = ['a', 'some-pod-whose-name-is-long'].map((live) =>
    formatContinue({ live, hidden: true }, cursors),
  );
  expect(Buffer.from(long!, 'base64url').toString()).not.toContain('some-pod');
  expect(short).toHaveLength(long!.length);
  expect(() => parseContinue(long!, createCursors('other'))).toThrow(StatusError);
});

test.each([
  '',
  'x',
  'MTpsaXZlOg==',
  Buffer.from('1:archive:none').toString('base64url'),
  Buffer.from('1:sealed:AAAA').toString('base64url'),
])('%j is none', (token) => {
  expect(() => parseContinue(token, cursors)).toThrow(StatusError);
});
