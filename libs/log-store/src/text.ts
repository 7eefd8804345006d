import { type LogRecord, maxMessageLength, writeMessage, writeTime } from '@cordwood/log-record';

/** Bytes that are collected before they are handed on. */
const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;
const BLANK = 0x20;

/** Turns messages into text, a line each: adds newlines where they are missing. */
export class TextWriter {
  private readonly timestamps: boolean;
  private chunk = Buffer.allocUnsafe(CHUNK);
  private size = 0;
  /** Up to where the chunk was given already. */
  private start = 0;
  private full: Uint8Array[] = [];

  /** `timestamps`: whether each message is preceded by its time and a blank. */
  constructor(timestamps: boolean) {
    this.timestamps = timestamps;
  }

  /** Takes messages and gives the chunks of text that they fill. */
  write(messages: readonly LogRecord[]): Uint8Array[] {
    for (const message of messages) this.line(message);
    return this.taken();
  }

  /** Takes lines that are text already, and gives them with what is before them. */
  pass(text: Uint8Array): Uint8Array[] {
    if (this.size > this.start) this.full.push(this.chunk.subarray(this.start, this.size));
    this.start = this.size;
    this.full.push(text);
    return this.taken();
  }

  /** The last chunk. */
  end(): Uint8Array[] {
    return this.size > this.start ? [this.chunk.subarray(this.start, this.size)] : [];
  }

  private taken(): Uint8Array[] {
    const { full } = this;
    this.full = [];
    return full;
  }

  private line(message: LogRecord): void {
    this.reserve(message.timeEnd - message.timeStart + maxMessageLength(message) + 2);
    if (this.timestamps) {
      this.size = writeTime(message, this.chunk, this.size);
      this.chunk[this.size++] = BLANK;
    }
    const from = this.size;
    this.size = writeMessage(message, this.chunk, this.size);
    if (this.size === from || this.chunk[this.size - 1] !== NEWLINE) this.chunk[this.size++] = NEWLINE;
  }

  private reserve(bytes: number): void {
    if (this.size + bytes <= this.chunk.length) return;
    if (this.size > this.start) this.full.push(this.chunk.subarray(this.start, this.size));
    this.chunk = Buffer.allocUnsafe(Math.max(CHUNK, bytes));
    this.size = 0;
    this.start = 0;
  }
}
