import { fromNanos, theKernel, toNanos } from './kernel.ts';
import type { Instant } from './time.ts';

/**
 * Lines that are plain: whole ones of the usual form, about which nothing needs to be known but what stands in them. Most lines of most
 * logs are. They are taken in bulk, by the kernel (`../kernel`), and no records are made of them, which would take most of the time. All
 * others need to be decoded. See docs/adr/0022.
 */

/** Which lines of a raw file are taken. */
export interface PlainRange {
  /** Only those of a later time than this. */
  readonly after: Instant;
  /** Of those at this time or later, the identities are given. */
  readonly remember: Instant;
  /** The ordering time of the record before the block, in whole seconds. */
  readonly previous: number;
  /** REORDER_WINDOW, in seconds: a line whose time is by so much later than that of the one before it is not taken. */
  readonly window: number;
}

/** Streams of a raw file whose last record so far is known to have ended a line. */
export type EndedStreams = Record<'stdout' | 'stderr', boolean>;

/** Plain lines from the beginning of a block. */
export interface PlainText {
  /** How many lines, … */
  readonly count: number;
  /** … how many bytes of the block they took, … */
  readonly taken: number;
  /** … and what they became. */
  readonly text: Uint8Array;
}

/** Plain lines of a raw file. */
export interface PlainRaw extends PlainText {
  /** The identities of records that are to be remembered, as `recordIdentity` has them. */
  readonly identities: Float64Array;
  /** The earliest and the latest time. */
  readonly earliest: Instant;
  readonly latest: Instant;
}

/** Plain lines that became lines of a merged file. `text` is good only until the next call of any function here. */
export interface PlainMerged extends PlainRaw {
  /** The times of the first and the last record. */
  readonly first: Instant;
  readonly last: Instant;
  readonly ended: EndedStreams;
}

/**
 * Turns plain lines of a raw file (a block of whole lines, valid UTF-8) into lines as `encodeMerged` writes them, up to `room` bytes.
 * `ended`: of the file's streams, before the block: what may be the last part of a line is marked so where it is not known that the one before ended.
 */
export function plainMerged(
  block: Uint8Array,
  range: PlainRange,
  ended: EndedStreams,
  room: number,
): PlainMerged | undefined {
  const kernel = theKernel();
  const { MERGED, STDOUT, STDERR, count, first, last, ended: after } = kernel.exports;
  const bits = (ended.stdout ? STDOUT.value : 0) | (ended.stderr ? STDERR.value : 0);
  const taken = takeRaw(block, MERGED.value, range, room, bits, false);
  if (count.value === 0) return undefined;
  return {
    count: count.value,
    taken,
    text: kernel.written,
    ...toRemember(),
    first: fromNanos(first.value),
    last: fromNanos(last.value),
    ended: {
      stdout: (after.value & STDOUT.value) !== 0,
      stderr: (after.value & STDERR.value) !== 0,
    },
  };
}

/** How lines are shown. */
export interface Shown {
  /** Whether each message is preceded by its time and a blank. */
  readonly timestamps: boolean;
  /** Whether a line in parts is not joined yet; if none is, what could be its last part is a whole line. */
  readonly inside: boolean;
}

/** Turns plain lines of a raw file (a block of whole lines, valid UTF-8) into what is shown of them. */
export function plainRawText(
  block: Uint8Array,
  range: PlainRange,
  { timestamps, inside }: Shown,
): PlainRaw | undefined {
  const taken = takeRaw(block, textForm(timestamps), range, 2 ** 30, 0, inside);
  const text = textOf(taken);
  return text && { ...text, ...toRemember() };
}

/** The same of a merged file, whose lines are plain as `encodeMerged` writes whole ones whose ordering time is their time. */
export function plainMergedText(block: Uint8Array, { timestamps, inside }: Shown): PlainText | undefined {
  const kernel = theKernel();
  const length = kernel.put(block);
  return textOf(kernel.exports.showMerged(length, textForm(timestamps), inside));
}

function textForm(timestamps: boolean): number {
  const { TEXT, TEXT_WITH_TIMES } = theKernel().exports;
  return timestamps ? TEXT_WITH_TIMES.value : TEXT.value;
}

function takeRaw(
  block: Uint8Array,
  form: number,
  { after, remember, previous, window }: PlainRange,
  room: number,
  ended: number,
  inside: boolean,
): number {
  const kernel = theKernel();
  const length = kernel.put(block);
  const { exports } = kernel;
  return exports.takeRaw(length, form, room, toNanos(after), toNanos(remember), previous, window, ended, inside);
}

function toRemember(): Omit<PlainRaw, keyof PlainText> {
  const kernel = theKernel();
  const { earliest, latest } = kernel.exports;
  return { identities: kernel.identities(), earliest: fromNanos(earliest.value), latest: fromNanos(latest.value) };
}

function textOf(taken: number): PlainText | undefined {
  const kernel = theKernel();
  const count = kernel.exports.count.value;
  return count === 0 ? undefined : { count, taken, text: Buffer.from(kernel.written) };
}
