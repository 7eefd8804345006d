import { ascii, holds, lengthOf } from './ascii';
import { endOfObject, endOfString, escaped } from './json';

const OPENING = ascii('{"time":"');
const STREAM = ascii('stream":"std');
const OUT = ascii('out"');
const ERR = ascii('err"');
const LOGTAG = ascii('logtag":"');
const LOG = ascii('log":"');
const FLUENT_BIT_PARTIAL = ascii('_p":"');
const KUBERNETES = ascii('kubernetes":');

/** Two bytes: a comma and a quote. */
const NEXT_FIELD: u16 = 0x222c;
/** A brace and a newline. */
const END: u16 = 0x0a7d;

/** The line read last: where the insides of its strings stand, as they were written. Without a message both are the same. */
export let timeStart: usize = 0;
export let timeEnd: usize = 0;
export let logStart: usize = 0;
export let logEnd: usize = 0;
export let isEscaped: bool = false;
export let hasStream: bool = false;
export let isStderr: bool = false;
/** Whether it is the last part of a line, or all of it. */
export let isLastPart: bool = false;

/** The `kubernetes` map of the line before it that had one: a file's records mostly have the same to the byte. */
let mapStart: usize = 0;
let mapLength: usize = 0;

/** To be called before the first line of other bytes. */
export function forgetMap(): void {
  mapLength = 0;
}

const enum Field {
  stream = 1,
  logtag = 2,
  log = 4,
  fluentBitPartial = 8,
  kubernetes = 16,
}

/**
 * Reads a line, which begins there and ends with a newline: `time` first, then `stream`, `logtag`, `log` and others that are dropped, in
 * any order, each at most once, as UsualLine (../src/usual-line.ts) takes them. Gives the address after the newline; 0: it is none of this
 * kind, or a part before the last of a line in parts.
 */
export function readLine(at: usize): usize {
  if (!holds(at, OPENING)) return 0;
  timeStart = at + lengthOf(OPENING);
  timeEnd = endOfString(timeStart);
  if (timeEnd == 0 || escaped) return 0;
  logStart = logEnd = timeEnd;
  isEscaped = hasStream = isStderr = isLastPart = false;
  let seen = 0;
  at = timeEnd + 1;
  for (; load<u16>(at) == NEXT_FIELD;) {
    at += 2;
    let field: i32;
    if (holds(at, LOG)) {
      field = Field.log;
      logStart = at + lengthOf(LOG);
      logEnd = endOfString(logStart);
      if (logEnd == 0) return 0;
      isEscaped = escaped;
      at = logEnd + 1;
    } else if (holds(at, STREAM)) {
      field = Field.stream;
      at += lengthOf(STREAM);
      hasStream = true;
      isStderr = holds(at, ERR);
      if (!isStderr && !holds(at, OUT)) return 0;
      at += lengthOf(OUT);
    } else if (holds(at, LOGTAG)) {
      field = Field.logtag;
      at += lengthOf(LOGTAG);
      isLastPart = true;
      if (load<u16>(at) != 0x2246) return 0;
      at += 2;
    } else if (holds(at, KUBERNETES)) {
      field = Field.kubernetes;
      at += lengthOf(KUBERNETES);
      if (load<u8>(at) != 0x7b) return 0;
      at = endOfMap(at);
      if (at == 0) return 0;
    } else if (holds(at, FLUENT_BIT_PARTIAL)) {
      field = Field.fluentBitPartial;
      at = endOfString(at + lengthOf(FLUENT_BIT_PARTIAL));
      if (at == 0 || escaped) return 0;
      at++;
    } else return 0;
    if ((seen & field) != 0) return 0;
    seen |= field;
  }
  return load<u16>(at) == END ? at + 2 : 0;
}

/** The address after the map that begins there. */
function endOfMap(at: usize): usize {
  if (mapLength > 0 && isSame(at, mapStart, mapLength)) return at + mapLength;
  const close = endOfObject(at);
  if (close == 0) return 0;
  mapStart = at;
  mapLength = close + 1 - at;
  return close + 1;
}

/** Whether so many bytes are the same. */
function isSame(a: usize, b: usize, length: usize): bool {
  let i: usize = 0;
  for (; i + 16 <= length; i += 16) if (!i8x16.all_true(i8x16.eq(v128.load(a + i), v128.load(b + i)))) return false;
  for (; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}
