import { isUtf8 } from 'node:buffer';
import { compareInstants, LineDecoder, type LogRecord, orderTime, PlainLines, wholeLines } from '@cordwood/log-record';
import type { BlockReader } from './merged-file.ts';

/** How messages are shown as text. */
export interface TextOptions {
  /** Whether each message is preceded by its time and a blank. */
  readonly timestamps: boolean;
}

/** Lines that are text already, as they are shown. */
export interface TextPiece {
  readonly text: Uint8Array;
  /** How many records that is, … */
  readonly count: number;
  /** … and the last of them: those with the last one's ordering time, and one before. */
  readonly last: LogRecord[];
}

/** Where a block holds a line that is not plain, so many bytes are decoded of it, and twice as many each time there was no plain one in between. */
const FEW = 4 * 1024;
const NEWLINE = 0x0a;

/** Makes text of the plain lines of a merged file, and records of all others. */
export class TextBlocks implements BlockReader<TextPiece | LogRecord[]> {
  count = 0;
  private readonly decoder = new LineDecoder('merged', isUtf8);
  private readonly plain: PlainLines;
  private readonly isInside: () => boolean;
  private oddBytes = FEW;

  /** `isInside`: whether a line in parts is not joined yet of what was given so far. */
  constructor({ timestamps }: TextOptions, isInside: () => boolean) {
    this.plain = new PlainLines(timestamps);
    this.isInside = isInside;
  }

  *push(block: Uint8Array): Generator<TextPiece | LogRecord[]> {
    const { plain, decoder } = this;
    const isValid = isUtf8(block);
    for (let rest = block; rest.length > 0;) {
      if (isValid) {
        plain.turn(rest, this.isInside());
        const { count, text, taken } = plain;
        this.count += count;
        if (count > 0) {
          this.oddBytes = FEW;
          yield { text, count, last: this.lastOf(rest.subarray(0, taken)) };
        }
        rest = rest.subarray(taken);
      }
      const [odd] = wholeLines(rest, this.oddBytes);
      if (odd === undefined) return;
      this.oddBytes *= 2;
      const records = decoder.decodeBlock(odd);
      this.count += records.length;
      yield records;
      rest = rest.subarray(odd.length);
    }
  }

  /** The last record of the lines, those before it with the same ordering time, and one more. */
  private lastOf(block: Uint8Array): LogRecord[] {
    const records: LogRecord[] = [];
    for (let end = block.length; end > 0;) {
      const start = end < 2 ? 0 : block.lastIndexOf(NEWLINE, end - 2) + 1;
      const [record] = this.decoder.decodeBlock(block.subarray(start, end));
      const [last] = records;
      if (record !== undefined) records.push(record);
      if (last !== undefined && record !== undefined && compareInstants(orderTime(record), orderTime(last)) !== 0)
        break;
      end = start;
    }
    return records.toReversed();
  }
}
