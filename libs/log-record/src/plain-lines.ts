import { endOfString, StringReader } from './json-bytes.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const OPENING = ascii('{"time":"');
const LOG = ascii(',"log":"');
const STDERR = ascii(',"stream":"stderr"');
const LAST_PART = ascii(',"logtag":"F"');

const NEWLINE = 0x0a;
const BLANK = 0x20;
const COMMA = 0x2c;
const CLOSE = 0x7d;

/** Bytes that may be written behind what counts. */
const SPARE = 4;

/**
 * Turns lines of merged files into what is shown of them. No records are made for it, which would take most of the time.
 *
 * It does so for plain lines only, as `encodeMerged` writes whole ones whose ordering time is their time: `time`, `log` and perhaps `stream`. All
 * others need to be decoded.
 */
export class PlainLines {
  /** Of the lines that were turned last: how many there were, … */
  count = 0;
  /** … how many bytes of the block they took, … */
  taken = 0;
  /** … and their text. */
  text: Uint8Array = new Uint8Array();
  private readonly timestamps: boolean;
  private readonly string = new StringReader();

  /** `timestamps`: whether each message is preceded by its time and a blank. */
  constructor(timestamps: boolean) {
    this.timestamps = timestamps;
  }

  /**
   * Turns the lines of the block (whole ones, valid UTF-8) up to the first that is not plain. `inside`: whether a line in parts is not joined
   * yet; if none is, what could be its last part is a whole line.
   */
  turn(block: Uint8Array, inside: boolean): void {
    const { timestamps, string } = this;
    const end = block.length;
    // What is shown of a line is shorter than the line.
    const text = Buffer.allocUnsafe(end + SPARE);
    let count = 0;
    let start = 0;
    let size = 0;
    while (start < end) {
      if (block[start] === NEWLINE) {
        // Empty lines are no records.
        start++;
        continue;
      }
      if (!holds(block, start, OPENING)) break;
      const timeStart = start + OPENING.length;
      // Negative or NaN where there are escapes, or no string.
      const timeEnd = endOfString(block, timeStart, end);
      if (!(timeEnd > 0) || !holds(block, timeEnd + 1, LOG)) break;
      let messageStart = size;
      if (timestamps) {
        for (let i = timeStart; i < timeEnd; i++) text[messageStart++] = block[i] ?? 0;
        text[messageStart++] = BLANK;
      }
      if (!string.read(block, timeEnd + 1 + LOG.length, end, text, messageStart)) break;
      let at = string.close + 1;
      if (block[at] === COMMA && holds(block, at, STDERR)) at += STDERR.length;
      if (block[at] === COMMA && !inside && holds(block, at, LAST_PART)) at += LAST_PART.length;
      if (block[at] !== CLOSE || (at + 1 < end && block[at + 1] !== NEWLINE)) break;
      ({ size } = string);
      if (size === messageStart || text[size - 1] !== NEWLINE) text[size++] = NEWLINE;
      start = at + 2;
      count++;
    }
    this.count = count;
    this.taken = Math.min(start, end);
    this.text = text.subarray(0, size);
  }
}

function holds(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}
