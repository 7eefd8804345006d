import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Checksum, SourceData } from '@smithy/types';

/** The keys that were used last, by what they were made of. Two sign a request; they are others after midnight, or with new credentials. */
const prepared = new Map<SourceData, KeyObject>();
const MOST_PREPARED = 16;

/**
 * SHA-256, with a secret HMAC, as `SignatureV4` wants it. Node takes five times as long to make a key of bytes as to use one, so they are kept.
 */
export class Sha256 implements Checksum {
  private readonly secret: SourceData | undefined;
  private hash: ReturnType<typeof begin>;

  constructor(secret?: SourceData) {
    this.secret = secret;
    this.hash = begin(secret);
  }

  update(chunk: Uint8Array | string): void {
    this.hash.update(chunk);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest());
  }

  reset(): void {
    this.hash = begin(this.secret);
  }
}

const begin = (secret: SourceData | undefined) =>
  secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(secret));

function keyOf(secret: SourceData): KeyObject {
  const known = prepared.get(secret);
  if (known !== undefined) return known;
  const key = typeof secret === 'string' ? createSecretKey(secret, 'utf8') : createSecretKey(bytesOf(secret));
  const [oldest] = prepared.keys();
  if (prepared.size >= MOST_PREPARED && oldest !== undefined) prepared.delete(oldest);
  prepared.set(secret, key);
  return key;
}

const bytesOf = (secret: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(secret)
    ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
    : new Uint8Array(secret);
