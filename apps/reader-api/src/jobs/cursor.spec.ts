import { expect, test } from '@jest/globals';
import { formatCursor, parseCursor } from './cursor.ts';

test('a cursor gives back the job', () => {
  for (const job of ['a', 'a-b.c', '0'.repeat(253)]) expect(parseCursor(formatCursor(job))).toBe(job);
});

test.each(['', 'x', '1:a', Buffer.from('2:a').toString('base64url'), formatCursor('A'), `${formatCursor('abc')}=`])(
  '%j is none',
  (text) => expect(parseCursor(text)).toBeUndefined(),
);
