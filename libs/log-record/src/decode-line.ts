import { decodeOddLine } from './decode-odd-line.ts';
import type { LineFormat, OddLines } from './line-format.ts';
import type { LogRecord, Part } from './record.ts';
import { UsualLine } from './usual-line.ts';

const NEWLINE = 0x0a;

/**
 * Decodes the lines of one file. Nothing is refused: what is no record of the usual form goes the slow way, by the rules of
 * DESIGN section 5 ("Decoding").
 */
export class LineDecoder {
  readonly odd: OddLines = { notJson: 0, oddFields: 0 };
  private readonly line: UsualLine;
  private readonly format: LineFormat;
  private readonly isUtf8: (bytes: Uint8Array) => boolean;

  /** `isUtf8`: whether bytes are valid UTF-8, as `node:buffer` has it; passed in, since this library imports nothing of Node's. */
  constructor(format: LineFormat, isUtf8: (bytes: Uint8Array) => boolean) {
    this.format = format;
    this.isUtf8 = isUtf8;
    this.line = new UsualLine(format);
  }

  /** The records of a block of whole lines; the last one may lack its newline. Empty lines are no records. */
  decodeBlock(block: Uint8Array): LogRecord[] {
    const records: LogRecord[] = [];
    const valid = this.isUtf8(block);
    for (let start = 0; start < block.length;) {
      const newline = block.indexOf(NEWLINE, start);
      const end = newline < 0 ? block.length : newline;
      if (end > start) {
        const usual =
          valid || this.isUtf8(block.subarray(start, end)) ? this.decodeUsual(block, start, end) : undefined;
        records.push(usual ?? decodeOddLine(block.subarray(start, end), this.format, this.odd));
      }
      start = end + 1;
    }
    return records;
  }

  /** Undefined for a line that is not of the usual form. */
  private decodeUsual(bytes: Uint8Array, start: number, end: number): LogRecord | undefined {
    const { line } = this;
    if (!line.scan(bytes, start, end)) return undefined;
    if (!line.parsed) this.odd.oddFields++;
    return new UsualRecord(bytes, line);
  }
}

/**
 * The record of a line that was scanned. A class, since V8 may come to believe that the objects of a literal live long, when some of the
 * first ones do, and make all others among the old ones, where only full collections find them.
 */
class UsualRecord implements LogRecord {
  readonly bytes: Uint8Array;
  timeStart: number;
  timeEnd: number;
  timeBytes: Uint8Array;
  readonly logStart: number;
  readonly logEnd: number;
  readonly escaped: boolean;
  readonly stderr: boolean;
  part: Part;
  readonly parsed: boolean;
  seconds: number;
  nanos: number;
  orderSeconds: number;
  orderNanos: number;

  constructor(bytes: Uint8Array, line: UsualLine) {
    const { timed, times, ownOrder, orderTimes, parsed } = line;
    const seconds = timed ? times.seconds : NaN;
    const nanos = timed ? times.nanos : 0;
    this.bytes = bytes;
    this.timeStart = line.timeStart;
    this.timeEnd = line.timeEnd;
    this.timeBytes = bytes;
    this.logStart = line.logStart;
    this.logEnd = line.logEnd;
    this.escaped = line.escaped;
    this.stderr = line.stderr;
    this.part = line.part;
    this.parsed = parsed;
    this.seconds = seconds;
    this.nanos = nanos;
    this.orderSeconds = ownOrder ? orderTimes.seconds : parsed ? seconds : NaN;
    this.orderNanos = ownOrder ? orderTimes.nanos : nanos;
  }
}
