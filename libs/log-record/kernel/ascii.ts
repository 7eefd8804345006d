/** Texts of a few bytes, to be looked for and to be written. */

/** The address of the text's bytes; its length stands in the four bytes before. */
export function ascii(text: string): usize {
  const at = heap.alloc(4 + text.length + SPARE) + 4;
  store<u32>(at - 4, text.length);
  for (let i = 0; i < text.length; i++) store<u8>(at + i, <u8>text.charCodeAt(i));
  return at;
}

/** Bytes that may be read behind what counts, so that pieces of 16 can be read anywhere. */
export const SPARE: i32 = 16;

export function lengthOf(text: usize): usize {
  return load<u32>(text - 4);
}

/** Whether the text stands there. */
export function holds(at: usize, text: usize): bool {
  const length = lengthOf(text);
  for (let i: usize = 0; i < length; i++) if (load<u8>(at + i) != load<u8>(text + i)) return false;
  return true;
}

/** Copies bytes; up to 15 behind them are overwritten. Gives the address after the last byte that counts. */
export function copy(from: usize, length: usize, to: usize): usize {
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
  return to + length;
}

export function write(text: usize, to: usize): usize {
  return copy(text, lengthOf(text), to);
}
