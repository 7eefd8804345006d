import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { endOfObject, endOfString, unescapeString } from './json-bytes.ts';

const hex = fc.integer({ min: 0, max: 0xffff }).chain((code) => {
  const digits = code.toString(16).padStart(4, '0');
  return fc.constantFrom(digits, digits.toUpperCase());
});
/** Pieces of the inside of a JSON string, most of them valid. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text).slice(1, -1)) },
  fc.constantFrom('\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t', '{', '}', '[', ':', ','),
  hex.map((digits) => `\\u${digits}`),
  fc.constantFrom('\\u007f', '\\u0080', '\\u07ff', '\\u0800', '\\uffff', '\\ue000'),
  fc.constantFrom('\\ud83d\\ude00', '\\uD83D', '\\ude00', '\\ud83d\\u0041', '\\ud83d\\ud83d\\ude00', '\\udbff\\udfff'),
);
const invalidPiece = fc.constantFrom('\\x', '\\', '\\u12', '\\u12g4', '\\U0041', '\n', '\t', '\0', '\x1f', '\\u 123');

const inside = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const maybeInvalid = fc.array(fc.oneof({ weight: 6, arbitrary: piece }, invalidPiece), { maxLength: 6 });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

test('the end of a string is where JSON.parse has it, and strings that JSON.parse refuses have none', () => {
  fc.assert(
    fc.property(maybeInvalid, fc.constantFrom('', 'after', '","x":"\\"'), (pieces, after) => {
      const text = pieces.join('');
      const bytes = Buffer.from(`"${text}"${after}`);
      const limit = Buffer.byteLength(text) + 2;
      // The first quote up to which JSON.parse takes it: pieces may make an escape together, and so end the string early.
      const quotes = [...bytes.subarray(0, limit).keys()].filter((at) => at > 0 && bytes[at] === 0x22);
      const close = quotes.find((at) => parsed(bytes.toString('utf8', 0, at + 1)) !== undefined);
      const end = endOfString(bytes, 1, limit);
      expect(end < 0 ? -end - 1 : end).toBe(close ?? NaN);
      expect(end < 0).toBe(close !== undefined && bytes.subarray(0, close).includes('\\'));
      // Cut before its quote it has no end, whatever stands behind.
      expect(endOfString(bytes, 1, close ?? limit)).toBe(NaN);
    }),
    { numRuns: 1000 },
  );
});

test('unescaping gives what JSON.parse gives, as UTF-8', () => {
  fc.assert(
    fc.property(inside, (text) => {
      const bytes = Buffer.from(`"${text}"`);
      const target = Buffer.alloc(bytes.length + 4, '#');
      const end = unescapeString(bytes, 1, bytes.length - 1, target, 2);
      const expected = (JSON.parse(`"${text}"`) as string).toWellFormed();
      expect(target.subarray(2, end).toString()).toBe(expected);
      expect(end - 2).toBeLessThanOrEqual(bytes.length - 2);
      // Beyond the room that the escaped form takes nothing is touched.
      expect(target.subarray(bytes.length).every((byte) => byte === 0x23)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('the end of an object is where its own brace closes, whatever its strings hold', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', 'é', 'x', '\n') }),
      fc.double({ noNaN: true }),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('any'), { maxKeys: 3 }),
    ),
  })).any;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), fc.constantFrom('', '}', ',"log":"}"}'), (object, after) => {
      const text = JSON.stringify(object);
      const bytes = Buffer.from(`::${text}${after}`);
      const end = 2 + Buffer.byteLength(text);
      expect(endOfObject(bytes, 2, bytes.length)).toBe(end - 1);
      expect(endOfObject(bytes, 2, end - 1)).toBe(NaN);
    }),
  );
});
