import { maxMessageLength, writeMessage } from './encode.ts';
import { isTimed, type LogRecord } from './record.ts';

/** Bytes that are hashed in one go. */
const WORD = 4;
const NEWLINE = 0x0a;
let scratch = new Uint8Array(64 * 1024);

/**
 * What makes two deliveries of a line one record: time, stream and message, as a hash of 53 bits. The time counts as an instant and
 * the message unescaped, so that another writer's spelling of the same record is the same record.
 */
export function recordIdentity(record: LogRecord): number {
  const hash = new Hash53();
  hash.add(record.stderr ? 1 : 0);
  if (isTimed(record)) {
    hash.add(record.seconds | 0);
    hash.add(Math.floor(record.seconds / 2 ** 32));
    hash.add(record.nanos);
  } else for (let i = record.timeStart; i < record.timeEnd; i++) hash.add(record.timeBytes[i] ?? 0);
  addBytes(hash, takeMessage(record));
  return hash.value();
}

/**
 * A hash of 53 bits of the record's text alone: the same for a record of the archive and what Kubernetes tells of it, without its
 * stream. A newline that ends the text does not count: Kubernetes ends every line with one.
 */
export function textHash(record: LogRecord): number {
  const hash = new Hash53();
  const length = takeMessage(record);
  addBytes(hash, length > 0 && scratch[length - 1] === NEWLINE ? length - 1 : length);
  return hash.value();
}

/** Writes the message to the scratch; gives its length. */
function takeMessage(record: LogRecord): number {
  const room = maxMessageLength(record) + WORD;
  if (scratch.length < room) scratch = new Uint8Array(room * 2);
  return writeMessage(record, scratch, 0);
}

/** Adds so many bytes of the scratch. */
function addBytes(hash: Hash53, length: number): void {
  // Zeros behind them fill up the last word.
  scratch.fill(0, length, length + WORD);
  for (let i = 0; i < length; i += WORD) hash.add(wordAt(scratch, i));
  hash.add(length);
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);

/** Two multiplicative 32-bit hashes side by side, mixed at the end; not for secrets, good enough to tell records apart. */
class Hash53 {
  private a = 0xdeadbeef;
  private b = 0x41c6ce57;

  add(value: number): void {
    const a = Math.imul(this.a ^ value, 2_654_435_761);
    const b = Math.imul(this.b ^ value, 1_597_334_677);
    // Multiplication carries upwards only: the high bits of a word must get down, or two words could cancel each other out.
    this.a = a ^ (a >>> 15);
    this.b = b ^ (b >>> 13);
  }

  value(): number {
    let a = Math.imul(this.a ^ (this.a >>> 16), 2_246_822_507) ^ Math.imul(this.b ^ (this.b >>> 13), 3_266_489_909);
    let b = Math.imul(this.b ^ (this.b >>> 16), 2_246_822_507) ^ Math.imul(this.a ^ (this.a >>> 13), 3_266_489_909);
    a ^= a >>> 15;
    b ^= b >>> 15;
    return 4_294_967_296 * (2_097_151 & b) + (a >>> 0);
  }
}
