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

/** A part of a line that may go on. */
interface PartText {
  readonly timeText: Uint8Array;
  readonly time: Instant;
  readonly text: Uint8Array;
}

/** Parts of a line whose last part has not come. */
interface Pending {
  readonly parts: PartText[];
  size: number;
}

/**
 * Turns the records of one container instance into text: joins the parts of CRI partial lines, filters by time, adds newlines.
 * A joined message has the time of its first part and stands where its last part came; an unfinished one stands at the end.
 */
export class TextWriter {
  private readonly options: TextOptions;
  /** By stream of a run: a late file has lines of its own. */
  private readonly pending = new Map<string, Pending>();
  /** Streams in the middle of a line that is not to be joined: it is too long (`show`), or began before `since` (`drop`). */
  private readonly loose = new Map<string, 'show' | 'drop'>();
  private chunk = Buffer.allocUnsafe(CHUNK);
  private size = 0;
  private full: Uint8Array[] = [];

  /** `startsInside`: for each run the streams in the middle of a line whose first parts are not shown; its rest is not either. */
  constructor(options: TextOptions, startsInside: readonly (readonly ('stdout' | 'stderr')[])[] = []) {
    this.options = options;
    for (const [run, streams] of startsInside.entries()) {
      for (const stream of streams) this.loose.set(streamOf(run, stream === 'stderr'), 'drop');
    }
  }

  /** Takes records of a run and gives the chunks of text that they fill. */
  write(records: readonly LogRecord[], run = 0): Uint8Array[] {
    for (const record of records) {
      if (record.part === '') this.line(record);
      else this.part(record, streamOf(run, record.stderr));
    }
    const { full } = this;
    this.full = [];
    return full;
  }

  /** Lines that never ended, and the last chunk. */
  end(): Uint8Array[] {
    for (const { parts } of this.pending.values()) this.joined(parts);
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

  private part(record: LogRecord, stream: string): void {
    const loose = this.loose.get(stream);
    if (loose !== undefined) {
      if (record.part === 'F') this.loose.delete(stream);
      if (loose === 'show') this.line(record);
      return;
    }
    const pending = this.pending.get(stream) ?? { parts: [], size: 0 };
    if (pending.parts.length === 0 && record.part === 'F') {
      this.line(record);
      return;
    }
    const part = partText(record);
    pending.parts.push(part);
    pending.size += part.text.length;
    const tooLong = pending.size > this.options.maxMessage && pending.parts.length > 1;
    if (record.part === 'P' && !tooLong) {
      this.pending.set(stream, pending);
      return;
    }
    this.pending.delete(stream);
    if (!tooLong) this.joined(pending.parts);
    else {
      // As they came.
      for (const each of pending.parts) this.joined([each]);
      if (record.part === 'P') this.loose.set(stream, 'show');
    }
  }

  private joined(parts: readonly PartText[]): void {
    const [first] = parts;
    if (first === undefined || !this.isWanted(first.time)) return;
    this.reserve(parts.reduce((size, { text }) => size + text.length, first.timeText.length + 2));
    if (this.options.timestamps) {
      this.copy(first.timeText);
      this.chunk[this.size++] = BLANK;
    }
    const from = this.size;
    for (const { text } of parts) this.copy(text);
    this.endLine(from);
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

const streamOf = (run: number, stderr: boolean): string => `${run.toString()}${stderr ? '/stderr' : '/stdout'}`;

/** A copy of what is needed of the record later. */
function partText(record: LogRecord): PartText {
  const timeText = new Uint8Array(record.timeEnd - record.timeStart);
  const text = new Uint8Array(maxMessageLength(record));
  return {
    timeText: timeText.subarray(0, writeTime(record, timeText, 0)),
    time: recordTime(record),
    text: text.subarray(0, writeMessage(record, text, 0)),
  };
}
