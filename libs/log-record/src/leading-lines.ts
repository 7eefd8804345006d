import { compareInstants, type Instant, TimeReader } from './time.ts';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const OPENING = ascii('{"time":"');
const LOG = ascii('","log":"');
const BEGUN_PART = ascii(',"logtag":"P"}');
const ORDER_TIME = ascii(',"ot":"');
/** From the ordering time's name to the end of its line: nothing follows it, and it has nine digits of fraction. */
const ORDER_TIME_LENGTH = ORDER_TIME.length + '2026-11-20T10:00:00.000000000Z"}'.length;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
/** No time that is written with up to nine digits of fraction and any zone is longer. */
const LONGEST_TIME = 40;

/** Which lines at the beginning of a file are not needed: so many, or those up to the first that has this time or a later one. */
export type Unneeded = { readonly lines: number } | { readonly before: Instant };

/**
 * Passes over the beginning of a merged file: lines that are not needed are not decoded, only looked at where they begin and end.
 *
 * It stops where leaving lines out could be noticed in what follows: before the first part of a line in parts, before an ordering time of
 * its own, before whatever is not as `encodeMerged` writes it, and only between two lines of different times. So a few lines are
 * given that are not needed, or all.
 */
export class LeadingLines {
  /** How many lines were left out so far. */
  passed = 0;
  private readonly unneeded: Unneeded;
  private readonly time = new TimeReader();
  private isOver = false;
  /** Since the last place where it may stop. */
  private held: Uint8Array[] = [];
  private heldLines = 0;
  private before: Instant = { seconds: NaN, nanos: 0 };

  constructor(unneeded: Unneeded) {
    this.unneeded = unneeded;
  }

  /** Takes the next whole lines; gives those to be decoded, in blocks of whole lines. */
  push(block: Uint8Array): readonly Uint8Array[] {
    if (this.isOver) return [block];
    let from = 0;
    for (let start = 0; start < block.length;) {
      const newline = block.indexOf(NEWLINE, start);
      const end = newline < 0 ? block.length : newline;
      const isPlain = this.readPlain(block, start, end);
      const { seconds, nanos } = this.time;
      if (isPlain && (seconds !== this.before.seconds || nanos !== this.before.nanos)) {
        this.passed += this.heldLines;
        this.heldLines = 0;
        this.held = [];
        from = start;
        this.before = { seconds, nanos };
      }
      if (!isPlain || this.isNeeded()) {
        this.isOver = true;
        return [...this.held, block.subarray(from)];
      }
      this.heldLines++;
      start = end + 1;
    }
    this.held.push(block.subarray(from));
    return [];
  }

  /** What was held back, to be decoded when no line follows any more. */
  end(): readonly Uint8Array[] {
    return this.isOver ? [] : this.held;
  }

  /** Whether the line whose time was read last is needed. */
  private isNeeded(): boolean {
    return 'lines' in this.unneeded
      ? this.passed + this.heldLines >= this.unneeded.lines
      : compareInstants(this.time, this.unneeded.before) >= 0;
  }

  /** Whether the line is a whole one whose time, which is read then, is its ordering time too. */
  private readPlain(bytes: Uint8Array, start: number, end: number): boolean {
    if (!holds(bytes, start, OPENING)) return false;
    const timeStart = start + OPENING.length;
    let timeEnd = timeStart;
    while (timeEnd - timeStart < LONGEST_TIME && bytes[timeEnd] !== QUOTE) timeEnd++;
    return (
      holds(bytes, timeEnd, LOG) &&
      !holds(bytes, end - BEGUN_PART.length, BEGUN_PART) &&
      !holds(bytes, end - ORDER_TIME_LENGTH, ORDER_TIME) &&
      this.time.read(bytes, timeStart, timeEnd)
    );
  }
}

function holds(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}
