import {
  compareInstants,
  type Instant,
  type LogRecord,
  maxMessageLength,
  recordTime,
  writeMessage,
  writeTime,
} from '@cordwood/log-record';

/** Bytes that are collected before they are handed on. */
const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;
const BLANK = 0x20;

export interface TextOptions {
  /** Whether each message is preceded by its time and a blank. */
  readonly timestamps: boolean;
  /** Only messages at or after this. */
  readonly since?: Instant | undefined;
  /** Parts of a message beyond this many bytes are not joined any more. */
  readonly maxMessage: number;
}

type Stream = 'stdout' | 'stderr';

/** Parts of a line whose last part has not come. */
interface Pending {
  /** Time of the first part, as text and as an instant. */
  readonly timeText: Uint8Array;
  readonly time: Instant;
  readonly parts: Uint8Array[];
  size: number;
}

/**
 * Turns the records of one container instance into text: joins the parts of CRI partial lines, filters by time, adds newlines.
 * A joined message has the time of its first part and stands where its last part came; an unfinished one stands at the end.
 */
export class TextWriter {
  private readonly options: TextOptions;
  private readonly pending = new Map<Stream, Pending>();
  /** Streams in the middle of a line that is not to be joined: it is too long (`show`), or began before `since` (`drop`). */
  private readonly loose = new Map<Stream, 'show' | 'drop'>();
  private chunk = Buffer.allocUnsafe(CHUNK);
  private size = 0;
  private full: Uint8Array[] = [];

  /** `startsInside`: streams in the middle of a line whose first parts are not shown; what is left of it is not either. */
  constructor(options: TextOptions, startsInside: readonly Stream[] = []) {
    this.options = options;
    for (const stream of startsInside) this.loose.set(stream, 'drop');
  }

  /** Takes records and gives the chunks of text that they fill. */
  write(records: readonly LogRecord[]): Uint8Array[] {
    for (const record of records) {
      if (record.part === '') this.line(record);
      else this.part(record);
    }
    const { full } = this;
    this.full = [];
    return full;
  }

  /** Lines that never ended, and the last chunk. */
  end(): Uint8Array[] {
    for (const pending of this.pending.values()) this.joined(pending);
    this.pending.clear();
    const { full } = this;
    if (this.size > 0) full.push(this.chunk.subarray(0, this.size));
    return full;
  }

  private line(record: LogRecord): void {
    if (!this.isWanted(recordTime(record))) return;
    const time = record.timeEnd - record.timeStart;
    this.reserve(time + maxMessageLength(record) + 2);
    if (this.options.timestamps) {
      this.size = writeTime(record, this.chunk, this.size);
      this.chunk[this.size++] = BLANK;
    }
    const from = this.size;
    this.size = writeMessage(record, this.chunk, this.size);
    this.endLine(from);
  }

  private part(record: LogRecord): void {
    const stream = record.stderr ? 'stderr' : 'stdout';
    const loose = this.loose.get(stream);
    if (loose !== undefined) {
      if (record.part === 'F') this.loose.delete(stream);
      if (loose === 'show') this.line(record);
      return;
    }
    const pending = this.pending.get(stream);
    if (pending === undefined && record.part === 'F') {
      this.line(record);
      return;
    }
    const message = new Uint8Array(maxMessageLength(record));
    const text = message.subarray(0, writeMessage(record, message, 0));
    if (pending !== undefined && pending.size + text.length > this.options.maxMessage) {
      this.pending.delete(stream);
      this.unjoined(pending);
      if (record.part === 'P') this.loose.set(stream, 'show');
      this.line(record);
      return;
    }
    const whole = pending ?? { timeText: timeText(record), time: recordTime(record), parts: [], size: 0 };
    whole.parts.push(text);
    whole.size += text.length;
    if (record.part === 'P') this.pending.set(stream, whole);
    else {
      this.pending.delete(stream);
      this.joined(whole);
    }
  }

  private joined({ parts, time, timeText: shownTime, size }: Pending): void {
    if (!this.isWanted(time)) return;
    this.reserve(size + shownTime.length + 2);
    if (this.options.timestamps) {
      this.copy(shownTime);
      this.chunk[this.size++] = BLANK;
    }
    const from = this.size;
    for (const part of parts) this.copy(part);
    this.endLine(from);
  }

  /** Parts of a line that turned out too long: as they came. */
  private unjoined(pending: Pending): void {
    for (const part of pending.parts) this.joined({ ...pending, parts: [part], size: part.length });
  }

  private isWanted(time: Instant): boolean {
    const { since } = this.options;
    return since === undefined || compareInstants(time, since) >= 0;
  }

  /** Adds the newline that ends a message, unless it has one. `from`: where the message begins. */
  private endLine(from: number): void {
    if (this.size === from || this.chunk[this.size - 1] !== NEWLINE) this.chunk[this.size++] = NEWLINE;
  }

  private copy(bytes: Uint8Array): void {
    this.chunk.set(bytes, this.size);
    this.size += bytes.length;
  }

  private reserve(bytes: number): void {
    if (this.size + bytes <= this.chunk.length) return;
    if (this.size > 0) this.full.push(this.chunk.subarray(0, this.size));
    this.chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes));
    this.size = 0;
  }
}

function timeText(record: LogRecord): Uint8Array {
  const text = new Uint8Array(record.timeEnd - record.timeStart);
  return text.subarray(0, writeTime(record, text, 0));
}
