import { ascii, copy, lengthOf, SPARE, write } from './ascii';
import { identity } from './identity';
import { unescape } from './json';
import {
  forgetMap,
  hasStream,
  isEscaped,
  isLastPart,
  isStderr,
  logEnd,
  logStart,
  readLine,
  timeEnd,
  timeStart,
} from './line';
import { nanos, readTime, seconds } from './time';

/**
 * What is done with most lines of most logs: they are found, checked and written down as merged lines or as text, up to the first about
 * which there is more to say. ../src/kernel.ts calls this.
 */

/** Most bytes that can be taken at a time. */
export const CAPACITY: i32 = 128 * 1024;

/** Most identities that are given at a time. */
const MOST_IDENTITIES: i32 = 4096;

/** Where the caller puts lines, … */
export const input: usize = memory.data(CAPACITY + 64, 16);
/** … and finds what was written. A merged line is longer than its raw one only where that has no message. */
export const output: usize = memory.data(2 * CAPACITY, 16);

/** What was taken: how many lines, … */
export let count: i32 = 0;
/** … the bytes that were written, … */
export let size: i32 = 0;
/** … the times of the first and the last record, and the earliest and the latest one, in nanoseconds since 1970. */
export let first: i64 = 0;
export let last: i64 = 0;
export let earliest: i64 = 0;
export let latest: i64 = 0;
/** … the identities of the records that are to be remembered, as 64-bit floating-point numbers, and how many of them, … */
export const identities: usize = memory.data(8 * MOST_IDENTITIES, 16);
export let identityCount: i32 = 0;
/** … and of which streams the last record is known to have ended a line, as bits. */
export let ended: i32 = 0;

export const STDOUT: i32 = 1;
export const STDERR: i32 = 2;

/** How lines are written. */
export const MERGED: i32 = 0;
export const TEXT: i32 = 1;
export const TEXT_WITH_TIMES: i32 = 2;

const TIME = ascii('{"time":"');
const LOG = ascii('","log":"');
const STREAM = ascii(',"stream":"stderr"');
const LAST_PART = ascii(',"logtag":"F"');
const LINE_END = ascii('}\n');
const NEWLINE: u8 = 0x0a;
const BLANK: u8 = 0x20;
/** What a written line has besides its time and message at most. */
const OVERHEAD = 80;

const BILLION: i64 = 1_000_000_000;

/**
 * Takes raw lines from the beginning of the input: `length` bytes of whole lines, valid UTF-8. Gives how many bytes were taken.
 *
 * Those are taken whose records Fluent Bit parsed, with times of their own after `after` (in nanoseconds), none by `window` seconds or more
 * later than the one before it, the first than `previous` (in seconds). The identities of those at `remember` (in nanoseconds) or later are
 * given. Not more than `room` bytes are written.
 *
 * As merged lines, those that may be the last part of a line are marked so where the bit of their stream is not set in `endedBefore`. As
 * text, none of these are taken if `isInside`.
 */
export function takeRaw(
  length: i32,
  form: i32,
  room: i32,
  after: i64,
  remember: i64,
  previous: f64,
  window: f64,
  endedBefore: i32,
  isInside: bool,
): i32 {
  begin(length);
  ended = endedBefore;
  // Less than nothing, where a single record was longer than a file should be.
  const most = min(room, 2 * CAPACITY - SPARE);
  const end = input + length;
  let out = output;
  let at = input;
  let secondBefore = previous;
  while (at < end) {
    if (load<u8>(at) == NEWLINE) {
      at++;
      continue;
    }
    const next = readLine(at);
    if (next == 0 || !hasStream || (isLastPart && isInside)) break;
    if (readTime(timeStart) != timeEnd) break;
    const time = seconds * BILLION + nanos;
    if (time <= after || <f64>seconds - secondBefore >= window) break;
    if (<i32>(out - output + (timeEnd - timeStart) + (logEnd - logStart)) + OVERHEAD > most) break;
    if (time >= remember) {
      if (identityCount == MOST_IDENTITIES) break;
      store<f64>(identities + 8 * identityCount++, identity());
    }
    out = form == MERGED ? writeMerged(out) : writeText(form, out);
    if (count == 0) first = earliest = latest = time;
    earliest = min(earliest, time);
    latest = max(latest, time);
    last = time;
    secondBefore = <f64>seconds;
    count++;
    at = next;
  }
  size = <i32>(out - output);
  return <i32>min(at - input, <usize>length);
}

/**
 * Takes merged lines from the beginning of the input (`length` bytes of whole lines, valid UTF-8) and writes them as text: whole lines whose
 * ordering time is their time. What may be the last part of a line is a whole one if not `isInside`. Gives how many bytes were taken.
 */
export function showMerged(length: i32, form: i32, isInside: bool): i32 {
  begin(length);
  const end = input + length;
  let out = output;
  let at = input;
  while (at < end) {
    if (load<u8>(at) == NEWLINE) {
      at++;
      continue;
    }
    const next = readLine(at);
    if (next == 0 || (isLastPart && isInside)) break;
    out = writeText(form, out);
    count++;
    at = next;
  }
  size = <i32>(out - output);
  return <i32>min(at - input, <usize>length);
}

function begin(length: i32): void {
  // Ends the last line where it lacks its newline, and is found where a string does not end.
  store<u8>(input + length, NEWLINE);
  forgetMap();
  count = 0;
  size = 0;
  identityCount = 0;
}

function writeMerged(to: usize): usize {
  let out = write(TIME, to);
  out = copy(timeStart, timeEnd - timeStart, out);
  out = write(LOG, out);
  out = copy(logStart, logEnd - logStart, out);
  store<u8>(out++, 0x22);
  if (isStderr) out = write(STREAM, out);
  if (isLastPart) {
    const stream = isStderr ? STDERR : STDOUT;
    if ((ended & stream) == 0) out = write(LAST_PART, out);
    ended |= stream;
  }
  return write(LINE_END, out);
}

function writeText(form: i32, to: usize): usize {
  let out = to;
  if (form == TEXT_WITH_TIMES) {
    out = copy(timeStart, timeEnd - timeStart, out);
    store<u8>(out++, BLANK);
  }
  const start = out;
  out = isEscaped ? unescape(logStart, logEnd, out) : copy(logStart, logEnd - logStart, out);
  if (out == start || load<u8>(out - 1) != NEWLINE) store<u8>(out++, NEWLINE);
  return out;
}
