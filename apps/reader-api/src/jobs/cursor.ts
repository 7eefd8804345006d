import { isPodName } from '@cordwood/s3-key-format';

/** Where a page ended, as clients get it: opaque to them, so that what it holds may change. */
export const formatCursor = (lastJob: string): string => Buffer.from(`1:${lastJob}`).toString('base64url');

/** The inverse of {@link formatCursor}; undefined for what is no cursor. */
export function parseCursor(cursor: string): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const job = text.startsWith('1:') ? text.slice(2) : '';
  return isPodName(job) && formatCursor(job) === cursor ? job : undefined;
}
