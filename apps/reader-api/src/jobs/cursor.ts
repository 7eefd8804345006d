import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { isPodName } from '@cordwood/s3-key-format';

/** Names of jobs are padded to that: nobody shall learn how long one is. Other texts are padded to a multiple of it. */
const LONGEST = 253;
const IV = 12;
const TAG = 16;

/** Where a page ended, as clients get it: opaque to them, so that what it holds may change. */
export interface Cursors {
  /** `sealed`: the client may not know the job that the page ended with; only whoever has the key can read the cursor. */
  format(lastJob: string, sealed: boolean): string;
  /** The inverse; undefined for what is no cursor, or was sealed with another key. */
  parse(cursor: string): string | undefined;
  /** Any ASCII text without blanks at its end, sealed. */
  seal(text: string): string;
  /** The inverse; undefined for what is none, or was sealed with another key. */
  unseal(sealed: string): string | undefined;
}

const padded = (text: string): string => text.padEnd(Math.max(1, Math.ceil(text.length / LONGEST)) * LONGEST);

/** `secret` (CURSOR_SECRET) is what replicas share; without one, sealed cursors are of use to this process alone. */
export function createCursors(secret: string | undefined): Cursors {
  const key =
    secret === undefined ? randomBytes(32) : createHash('sha256').update(`cordwood cursor ${secret}`).digest();
  const seal = (text: string): Buffer => {
    const iv = randomBytes(IV);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const sealed = Buffer.concat([cipher.update(padded(text)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
  };
  const unseal = (bytes: Buffer): string | undefined => {
    if (bytes.length < IV + TAG + LONGEST) return undefined;
    const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV));
    cipher.setAuthTag(bytes.subarray(IV, IV + TAG));
    try {
      return Buffer.concat([cipher.update(bytes.subarray(IV + TAG)), cipher.final()])
        .toString('latin1')
        .trimEnd();
    } catch {
      return undefined;
    }
  };
  return {
    format: (job, sealed) =>
      Buffer.concat([Buffer.from(sealed ? '2:' : '1:'), sealed ? seal(job) : Buffer.from(job)]).toString('base64url'),
    parse: (cursor) => {
      const bytes = Buffer.from(cursor, 'base64url');
      if (bytes.toString('base64url') !== cursor) return undefined;
      const kind = bytes.subarray(0, 2).toString('latin1');
      const rest = bytes.subarray(2);
      const job = kind === '1:' ? rest.toString('latin1') : kind === '2:' ? unseal(rest) : undefined;
      return job !== undefined && isPodName(job) ? job : undefined;
    },
    seal: (text) => seal(text).toString('base64url'),
    unseal: (sealed) => unseal(Buffer.from(sealed, 'base64url')),
  };
}
