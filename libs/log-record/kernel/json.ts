import { copy } from './ascii';

/**
 * JSON strings, 16 bytes at a time. Nothing here is told where the bytes end: behind them stands a newline, and no JSON string holds one.
 */

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const NEWLINE: u8 = 0x0a;

/** What a backslash and this byte stand for; 0: no such escape (`u` is treated on its own). */
const ESCAPES = memory.data(256);
store<u8>(ESCAPES + 0x22, 0x22);
store<u8>(ESCAPES + 0x5c, 0x5c);
store<u8>(ESCAPES + 0x2f, 0x2f);
store<u8>(ESCAPES + 0x62, 0x08);
store<u8>(ESCAPES + 0x66, 0x0c);
store<u8>(ESCAPES + 0x6e, 0x0a);
store<u8>(ESCAPES + 0x72, 0x0d);
store<u8>(ESCAPES + 0x74, 0x09);

/** Whether the string whose end was found last holds escapes. */
export let escaped: bool = false;

/** The first quote, backslash or control character from there on. */
function nextStop(from: usize): usize {
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const stops = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(bytes, i8x16.splat(QUOTE)), i8x16.eq(bytes, i8x16.splat(BACKSLASH))),
        i8x16.lt_u(bytes, i8x16.splat(0x20)),
      ),
    );
    if (stops != 0) return at + ctz(stops);
    at += 16;
  }
}

function nextBackslash(from: usize, end: usize): usize {
  for (let at = from; at < end; at += 16) {
    const marks = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(BACKSLASH)));
    if (marks != 0) return min(at + ctz(marks), end);
  }
  return end;
}

/** The quote that ends the string; `from`: the byte after the one that begins it. 0: it is no valid one. */
export function endOfString(from: usize): usize {
  escaped = false;
  let at = from;
  while (true) {
    at = nextStop(at);
    const byte = load<u8>(at);
    if (byte == QUOTE) return at;
    if (byte != BACKSLASH) return 0;
    escaped = true;
    const letter = load<u8>(at + 1);
    if (letter == 0x75) {
      if (hex4(at + 2) < 0) return 0;
      at += 6;
    } else {
      if (load<u8>(ESCAPES + letter) == 0) return 0;
      at += 2;
    }
  }
}

/**
 * The brace that ends the object that begins there; 0: there is none. The grammar between strings is not checked, since what is skipped
 * here is dropped.
 */
export function endOfObject(from: usize): usize {
  let depth = 0;
  let at = from;
  while (true) {
    const byte = load<u8>(at);
    if (byte == QUOTE) {
      at = endOfString(at + 1);
      if (at == 0) return 0;
    } else if (byte == 0x7b || byte == 0x5b) depth++;
    else if (byte == 0x7d || byte == 0x5d) {
      if (--depth == 0) return byte == 0x7d ? at : 0;
    } else if (byte == NEWLINE) return 0;
    at++;
  }
}

/** Writes what the inside of a valid string stands for, as UTF-8; a lone surrogate becomes U+FFFD. Gives the address after the last byte. */
export function unescape(from: usize, end: usize, to: usize): usize {
  let out = to;
  let at = from;
  while (true) {
    const backslash = nextBackslash(at, end);
    out = copy(at, backslash - at, out);
    if (backslash == end) return out;
    const letter = load<u8>(backslash + 1);
    if (letter != 0x75) {
      store<u8>(out++, load<u8>(ESCAPES + letter));
      at = backslash + 2;
    } else {
      const code = codePoint(backslash + 2, end);
      at = backslash + (code < 0x10000 ? 6 : 12);
      out = writeCodePoint(code, out);
    }
  }
}

/** What four hexadecimal digits spell; negative: they are none. */
function hex4(at: usize): i32 {
  let value = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte: i32 = load<u8>(at + i);
    const letter = (byte | 0x20) - 0x61;
    if (byte >= 0x30 && byte <= 0x39) value = (value << 4) | (byte - 0x30);
    else if (letter >= 0 && letter < 6) value = (value << 4) | (letter + 10);
    else return -1;
  }
  return value;
}

/** The code point whose first four digits are there; for one of more than 16 bits those of a second escape follow. */
function codePoint(at: usize, end: usize): i32 {
  const code = hex4(at);
  if (code < 0xd800 || code > 0xdfff) return code;
  if (code >= 0xdc00 || at + 10 > end || load<u16>(at + 4) != 0x755c) return 0xfffd;
  const low = hex4(at + 6);
  return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
}

function writeCodePoint(code: i32, to: usize): usize {
  let out = to;
  if (code < 0x80) store<u8>(out++, code);
  else {
    if (code < 0x800) store<u8>(out++, 0xc0 | (code >> 6));
    else {
      if (code < 0x10000) store<u8>(out++, 0xe0 | (code >> 12));
      else {
        store<u8>(out++, 0xf0 | (code >> 18));
        store<u8>(out++, 0x80 | ((code >> 12) & 0x3f));
      }
      store<u8>(out++, 0x80 | ((code >> 6) & 0x3f));
    }
    store<u8>(out++, 0x80 | (code & 0x3f));
  }
  return out;
}
