/** Text as the inside of a JSON string, byte by byte: the same that JSON.stringify writes for valid UTF-8. */

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
const ZERO = 0x30;

/** The letter after the backslash for this byte; `u`: four digits follow; 0: it needs no escape. */
const LETTERS = new Uint8Array(256).fill(LOWER_U, 0, 0x20);
for (const [meaning, letter] of [
  ['"', '"'],
  ['\\', '\\'],
  ['\b', 'b'],
  ['\f', 'f'],
  ['\n', 'n'],
  ['\r', 'r'],
  ['\t', 't'],
] as const) {
  LETTERS[meaning.charCodeAt(0)] = letter.charCodeAt(0);
}

/** By how many bytes the escape of this byte is longer than it. */
const EXTRA = LETTERS.map((letter) => (letter === 0 ? 0 : letter === LOWER_U ? 5 : 1));

/** How many bytes {@link writeEscaped} writes. */
export function escapedLength(bytes: Uint8Array, from: number, to: number): number {
  let extra = 0;
  for (let at = from; at < to; at++) extra += EXTRA[bytes[at] ?? 0] ?? 0;
  return to - from + extra;
}

/** Writes the bytes from `from` to `to` to the start of `target`. */
export function writeEscaped(bytes: Uint8Array, from: number, to: number, target: Uint8Array): void {
  let out = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    const letter = LETTERS[byte] ?? 0;
    if (letter === 0) {
      target[out++] = byte;
      continue;
    }
    target[out++] = BACKSLASH;
    target[out++] = letter;
    if (letter !== LOWER_U) continue;
    // Only bytes below 0x20 get here: `u00`, then 0 or 1, then a digit.
    target[out++] = ZERO;
    target[out++] = ZERO;
    target[out++] = ZERO + (byte >> 4);
    const low = byte & 0x0f;
    target[out++] = low < 10 ? ZERO + low : 0x57 + low;
  }
}
