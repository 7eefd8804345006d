import { isUtf8 } from 'node:buffer';
import { formatTime, type Instant, type LogRecord, TimeReader } from '@cordwood/log-record';
import { endOfTime, isKubeletError, MAX_TIME } from './kubelet-error.ts';
import { escapedLength, writeEscaped } from './escape.ts';

export interface LiveLinesOptions {
  /**
   * Longer messages are cut into several records of the same time, each of so many bytes (up to three less, where a character is in the
   * way). At least 4, which any character fits into.
   */
  readonly maxMessage: number;
  /**
   * The time of lines that stand before the first one with a time. Default: they are dropped. Kubernetes gives them when `sinceTime` falls
   * between the parts of a line: what is left of that line comes without a time.
   */
  readonly before?: Instant | undefined;
}

const NEWLINE = 0x0a;

/**
 * Turns a log of Kubernetes, asked for with timestamps, into records: one per line, its time taken off. Kubernetes joins the parts of a
 * CRI line itself, and gives the time of the first of them. A line without a time takes that of the one before. Kubernetes does not tell
 * the stream: all records say stdout.
 *
 * However the bytes are cut into chunks, the records are the same. Besides the records it gives, it keeps a message of `maxMessage` bytes
 * and a chunk at most.
 */
export class LiveLines {
  /**
   * Set by {@link end} when the log did not end, but broke off with this message of the kubelet, after which nothing follows. It is no
   * line of the log.
   */
  kubeletError: string | undefined;
  /** Lines that were dropped since no time stood before them. */
  dropped = 0;
  private readonly maxMessage: number;
  private readonly times = new TimeReader();
  private seconds: number;
  private nanos: number;
  private timeBytes: Uint8Array = new Uint8Array();
  private timeStart = 0;
  private timeEnd = 0;
  /** The line that has begun, as far as it is not given yet. */
  private rest: Uint8Array[] = [];
  private restLength = 0;
  /** Whether `rest` goes on a line whose beginning is given already. */
  private inside = false;

  constructor(options: LiveLinesOptions) {
    if (!(options.maxMessage >= 4)) throw new RangeError(`maxMessage is ${options.maxMessage}, must be 4 at least`);
    this.maxMessage = options.maxMessage;
    const { before } = options;
    this.seconds = before?.seconds ?? NaN;
    this.nanos = before?.nanos ?? 0;
    if (before !== undefined) this.useTime(Buffer.from(formatTime(before)));
  }

  /** Whether a line has begun that is not given yet, or not whole: if the log breaks off here, it must be read again from its time. */
  get unfinished(): boolean {
    return this.inside || this.restLength > 0;
  }

  /** The records that this chunk completes. They refer to its bytes, which must not change any more. */
  push(chunk: Uint8Array): LogRecord[] {
    const records: LogRecord[] = [];
    const afterLast = chunk.lastIndexOf(NEWLINE) + 1;
    if (afterLast > 0) {
      const lines = chunk.subarray(0, afterLast);
      const block = this.restLength === 0 ? lines : Buffer.concat([...this.rest, lines]);
      this.rest = [];
      this.restLength = 0;
      this.wholeLines(block, records);
    }
    if (afterLast < chunk.length) {
      this.rest.push(chunk.subarray(afterLast));
      this.restLength += chunk.length - afterLast;
      // So much that a piece can be cut off whatever its time's length.
      if (this.restLength > this.maxMessage + MAX_TIME + 1) this.cutRest(records);
    }
    return records;
  }

  /** The last line, when it lacks its newline. For a log that came to its end, not for one that broke off. */
  end(): LogRecord[] {
    const records: LogRecord[] = [];
    const line = Buffer.concat(this.rest);
    this.rest = [];
    this.restLength = 0;
    if (line.length === 0 && !this.inside) return records;
    if (!this.inside && endOfTime(line, 0, line.length, this.times) < 0) {
      const text = line.toString('utf8');
      if (isKubeletError(text)) {
        this.kubeletError = text;
        return records;
      }
    }
    this.line(line, 0, line.length, isUtf8(line), records);
    return records;
  }

  private wholeLines(block: Uint8Array, records: LogRecord[]): void {
    const valid = isUtf8(block);
    for (let start = 0; start < block.length;) {
      const end = block.indexOf(NEWLINE, start);
      this.line(block, start, end, valid || isUtf8(block.subarray(start, end)), records);
      start = end + 1;
    }
  }

  private line(bytes: Uint8Array, start: number, end: number, valid: boolean, records: LogRecord[]): void {
    const from = this.inside ? start : this.startOfMessage(bytes, start, end);
    this.inside = false;
    if (Number.isNaN(this.seconds)) {
      this.dropped++;
      return;
    }
    const at = this.pieces(bytes, from, end, valid, records);
    records.push(this.record(bytes, at, end, valid));
  }

  private cutRest(records: LogRecord[]): void {
    const bytes = Buffer.concat(this.rest);
    const from = this.inside ? 0 : this.startOfMessage(bytes, 0, bytes.length);
    this.inside = true;
    this.rest = [];
    this.restLength = 0;
    if (Number.isNaN(this.seconds)) return;
    // Whether the whole line is valid is not known yet, and must not matter: pieces are looked at one by one.
    const at = this.pieces(bytes, from, bytes.length, false, records);
    this.rest = [bytes.subarray(at)];
    this.restLength = bytes.length - at;
  }

  /** Takes pieces off a message that is too long; gives where what is left of it begins. */
  private pieces(bytes: Uint8Array, from: number, end: number, valid: boolean, records: LogRecord[]): number {
    let at = from;
    while (end - at > this.maxMessage) {
      const cut = startOfCharacter(bytes, at + this.maxMessage);
      const next = cut > at ? cut : at + this.maxMessage;
      records.push(this.record(bytes, at, next, valid || isUtf8(bytes.subarray(at, next))));
      at = next;
    }
    return at;
  }

  private startOfMessage(bytes: Uint8Array, start: number, end: number): number {
    const blank = endOfTime(bytes, start, end, this.times);
    if (blank < 0) return start;
    this.seconds = this.times.seconds;
    this.nanos = this.times.nanos;
    this.useTime(bytes, start, blank);
    return blank + 1;
  }

  private useTime(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.timeBytes = bytes;
    this.timeStart = start;
    this.timeEnd = end;
  }

  private record(source: Uint8Array, from: number, to: number, valid: boolean): LogRecord {
    let bytes = source;
    let logStart = from;
    let logEnd = to;
    if (!valid) {
      // What is no UTF-8 becomes U+FFFD.
      bytes = Buffer.from(Buffer.from(source.buffer, source.byteOffset + from, to - from).toString('utf8'));
      logStart = 0;
      logEnd = bytes.length;
    }
    const length = escapedLength(bytes, logStart, logEnd);
    const escaped = length > logEnd - logStart;
    if (escaped) {
      const target = Buffer.allocUnsafe(length);
      writeEscaped(bytes, logStart, logEnd, target);
      bytes = target;
      logStart = 0;
      logEnd = length;
    }
    return {
      bytes,
      timeStart: this.timeStart,
      timeEnd: this.timeEnd,
      timeBytes: this.timeBytes,
      logStart,
      logEnd,
      escaped,
      stderr: false,
      part: '',
      parsed: true,
      seconds: this.seconds,
      nanos: this.nanos,
      orderSeconds: this.seconds,
      orderNanos: this.nanos,
    };
  }
}

/** The last index up to `at` where a UTF-8 character begins; `at` itself when there is none near, so the bytes are no UTF-8. */
function startOfCharacter(bytes: Uint8Array, at: number): number {
  for (let i = at; i > at - 4; i--) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return i;
  return at;
}
