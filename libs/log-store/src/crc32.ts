/** CRC-32 as gzip has it, of texts whose own are known already. */

/** The CRC's polynomial. As everywhere here the highest bit stands for 1, the one below it for x, and so on. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
const X = 0x40000000;

/** The product of two polynomials modulo {@link POLYNOMIAL}. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) !== 0 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}

function powerOfX(exponent: number): number {
  let power = ONE;
  let square = X;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

/** The CRC-32 of a text followed by another, from that of each and the other's length in bytes. */
export const crcOfJoined = (crc: number, nextCrc: number, nextLength: number): number =>
  (multiply(crc, powerOfX(8 * nextLength)) ^ nextCrc) >>> 0;
