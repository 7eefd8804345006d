import { maxMessageLength, writeMessage } from './encode.ts';
import { isTimed, type LogRecord } from './record.ts';

let scratch = new Uint8Array(64 * 1024);

/**
 * What makes two deliveries of a line one record: time, stream and message, as a hash of 53 bits. The time counts as an instant and
 * the message unescaped, so that another writer's spelling of the same record is the same record.
 */
export function recordIdentity(record: LogRecord): number {
  if (scratch.length < maxMessageLength(record)) scratch = new Uint8Array(maxMessageLength(record) * 2);
  const length = writeMessage(record, scratch, 0);
  const hash = new Hash53();
  hash.add(record.stderr ? 1 : 0);
  if (isTimed(record)) {
    hash.add(record.seconds | 0);
    hash.add(Math.floor(record.seconds / 2 ** 32));
    hash.add(record.nanos);
  } else for (let i = record.timeStart; i < record.timeEnd; i++) hash.add(record.timeBytes[i] ?? 0);
  for (let i = 0; i < length; i++) hash.add(scratch[i] ?? 0);
  return hash.value();
}

/** Two multiplicative 32-bit hashes side by side, mixed at the end; not for secrets, good enough to tell records apart. */
class Hash53 {
  private a = 0xdeadbeef;
  private b = 0x41c6ce57;

  add(value: number): void {
    this.a = Math.imul(this.a ^ value, 2_654_435_761);
    this.b = Math.imul(this.b ^ value, 1_597_334_677);
  }

  value(): number {
    let a = Math.imul(this.a ^ (this.a >>> 16), 2_246_822_507) ^ Math.imul(this.b ^ (this.b >>> 13), 3_266_489_909);
    let b = Math.imul(this.b ^ (this.b >>> 16), 2_246_822_507) ^ Math.imul(this.a ^ (this.a >>> 13), 3_266_489_909);
    a ^= a >>> 15;
    b ^= b >>> 15;
    return 4_294_967_296 * (2_097_151 & b) + (a >>> 0);
  }
}
