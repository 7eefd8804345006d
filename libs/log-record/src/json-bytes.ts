/** JSON strings and objects as bytes, without making JavaScript strings of them. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Bytes at which a scan inside a JSON string must stop and look: the quote, the backslash, and control characters. */
const STOPS = new Uint8Array(256).fill(1, 0, 0x20);
STOPS[QUOTE] = 1;
STOPS[BACKSLASH] = 1;

/** What a backslash and this byte stand for; 0: no such escape (`u` is treated on its own). */
const ESCAPES = new Uint8Array(256);
for (const [letter, meaning] of [
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
] as const) {
  ESCAPES[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** What one hexadecimal digit stands for; 255: none. */
const HEX = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX[digit.charCodeAt(0)] = value;
  HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The code unit that four hexadecimal digits at `at` spell, or -1. */
function hex4(bytes: Uint8Array, at: number): number {
  const a = HEX[bytes[at] ?? 0] ?? 255;
  const b = HEX[bytes[at + 1] ?? 0] ?? 255;
  const c = HEX[bytes[at + 2] ?? 0] ?? 255;
  const d = HEX[bytes[at + 3] ?? 0] ?? 255;
  return (a | b | c | d) > 15 ? -1 : (a << 12) | (b << 8) | (c << 4) | d;
}

/** Strings are looked through four bytes at a time: a word, in whose lowest bits the first byte stands. This is one of four equal bytes. */
const everyByte = (byte: number): number => (byte * 0x01010101) | 0;
const ONES = everyByte(0x01);
const TOPS = everyByte(0x80);
const QUOTES = everyByte(QUOTE);
const BACKSLASHES = everyByte(BACKSLASH);
const BLANKS = everyByte(0x20);

/** Marks the lowest byte that is 0 by its top bit; 0 when none is. Bytes above that one may be marked too, whatever they are. */
const zeros = (word: number): number => (word - ONES) & ~word & TOPS;

/** The same for bytes that are less than a blank. */
const controls = (word: number): number => (word - BLANKS) & ~word & TOPS;

/** How many bytes lie below the lowest marked one; there must be one. */
const bytesBelow = (marks: number): number => (31 - Math.clz32(marks & -marks)) >> 3;

/** Words at any byte of an array. The same array is asked for many times in a row. */
class Words {
  private bytes: Uint8Array = new Uint8Array();
  private view: DataView = new DataView(this.bytes.buffer);

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.view;
  }
}

const sourceWords = new Words();
const targetWords = new Words();

/**
 * Finds the quote that ends a JSON string. `from` is the first byte after the opening quote.
 * Returns the closing quote's index; negated and minus one when the string holds escapes; NaN when it is no valid JSON string
 * before `end`. (One number, since this runs for every record.)
 */
export function endOfString(bytes: Uint8Array, from: number, end: number): number {
  const words = sourceWords.of(bytes);
  let escaped = false;
  for (let at = from; ; at++) {
    for (; at + 4 <= end; at += 4) {
      const word = words.getInt32(at, true);
      const stops = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | controls(word);
      if (stops === 0) continue;
      at += bytesBelow(stops);
      break;
    }
    while (at < end && STOPS[bytes[at] ?? 0] === 0) at++;
    if (at >= end) return NaN;
    const byte = bytes[at];
    if (byte === QUOTE) return escaped ? -at - 1 : at;
    if (byte !== BACKSLASH) return NaN;
    escaped = true;
    const letter = bytes[++at] ?? 0;
    if (letter === 0x75) {
      if (at + 4 >= end || hex4(bytes, at + 1) < 0) return NaN;
      at += 4;
    } else if (ESCAPES[letter] === 0) return NaN;
  }
}

/**
 * Finds the brace that ends the object whose opening brace is at `from`; NaN when there is none before `end`. Strings and
 * nesting are followed; the grammar between them is not checked, since what is skipped here is dropped.
 */
export function endOfObject(bytes: Uint8Array, from: number, end: number): number {
  let depth = 0;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const close = endOfString(bytes, at + 1, end);
      if (Number.isNaN(close)) return NaN;
      at = close < 0 ? -close - 1 : close;
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      if (--depth === 0) return byte === 0x7d ? at : NaN;
    }
  }
  return NaN;
}

/**
 * Writes what the inside of a JSON string (`from` to `to`, validated before) stands for to `target` at `at`, as UTF-8; a lone
 * surrogate becomes U+FFFD. It never needs more room than the escaped form, but may write to all of that. Returns the index after the last byte
 * that counts.
 */
export function unescapeString(bytes: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  const words = sourceWords.of(bytes);
  const targets = targetWords.of(target);
  let out = at;
  for (let i = from; i < to; i++) {
    // What is written of an escape is written over.
    for (; i + 4 <= to; i += 4, out += 4) {
      const word = words.getInt32(i, true);
      targets.setInt32(out, word, true);
      const escapes = zeros(word ^ BACKSLASHES);
      if (escapes === 0) continue;
      i += bytesBelow(escapes);
      out += bytesBelow(escapes);
      break;
    }
    const byte = bytes[i] ?? 0;
    if (i >= to) break;
    if (byte !== BACKSLASH) {
      target[out++] = byte;
      continue;
    }
    const letter = bytes[++i] ?? 0;
    if (letter !== 0x75) {
      target[out++] = ESCAPES[letter] ?? 0;
      continue;
    }
    const code = codePointAt(bytes, i + 1);
    i += code < 0x10000 ? 4 : 10;
    out = writeCodePoint(code, target, out);
  }
  return out;
}

/**
 * The code point whose first four digits are at `at`, after `\\u`; for one of more than 16 bits those of a second escape follow. A lone
 * surrogate is U+FFFD.
 */
function codePointAt(bytes: Uint8Array, at: number): number {
  const code = hex4(bytes, at);
  if (code < 0xd800 || code > 0xdfff) return code;
  const low = code < 0xdc00 && bytes[at + 4] === BACKSLASH && bytes[at + 5] === 0x75 ? hex4(bytes, at + 6) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
}

function writeCodePoint(code: number, target: Uint8Array, at: number): number {
  let out = at;
  if (code < 0x80) target[out++] = code;
  else {
    if (code < 0x800) target[out++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) target[out++] = 0xe0 | (code >> 12);
      else {
        target[out++] = 0xf0 | (code >> 18);
        target[out++] = 0x80 | ((code >> 12) & 0x3f);
      }
      target[out++] = 0x80 | ((code >> 6) & 0x3f);
    }
    target[out++] = 0x80 | (code & 0x3f);
  }
  return out;
}
