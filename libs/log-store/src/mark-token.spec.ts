import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatMark, parseMark } from './mark-token.ts';
import type { MessageMark } from './messages.ts';
import { BASE, CONTAINER_ID } from './spec-support.ts';

const name = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.toWellFormed());
const instant = fc.record({
  seconds: fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }),
  nanos: fc.nat(999_999_999),
});
const mark: fc.Arbitrary<MessageMark> = fc
  .record({
    namespace: fc.option(name, { nil: undefined }),
    containerId: fc.oneof(
      name,
      fc.constant(CONTAINER_ID),
      fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
      fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase()),
    ),
    time: instant,
    hash: fc.maxSafeNat(),
    nth: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 ** 48 - 1 })),
    findFrom: instant,
    unjoined: fc.constantFrom(
      undefined,
      ['stdout' as const],
      ['stderr' as const],
      ['stdout' as const, 'stderr' as const],
    ),
  })
  .chain((one) => fc.constantFrom(one, { ...one, findFrom: one.time }));

const USUAL: MessageMark = {
  namespace: 'team',
  containerId: CONTAINER_ID,
  time: { seconds: BASE, nanos: 5 },
  hash: 2 ** 52 + 1,
  nth: 1,
  findFrom: { seconds: BASE, nanos: 5 },
};

describe('a token', () => {
  test('gives its mark back, is fit for a URL, and short', () => {
    fc.assert(
      fc.property(mark, (one) => {
        const token = formatMark(one);
        expect(parseMark(token)).toEqual(one);
        expect(token).toMatch(/^[\w-]+$/);
      }),
      { numRuns: 1000 },
    );
    expect(formatMark(USUAL).length).toBeLessThan(100);
  });

  test('stays the same: clients keep it', () => {
    expect(formatMark(USUAL)).toMatchInlineSnapshot(
      `"AQMAAGsAGiAAAAAFEAAAAAAAAQAAAAAAAQAEdGVhbZIRLRlPtI5AxP2EC7hw8r5nvZrIYZ7eVjwGJUS0wS7L"`,
    );
  });

  test('is refused when its time is one that nobody can write', () => {
    for (const seconds of [2 ** 46, 253_402_300_800, -62_167_219_201]) {
      expect(parseMark(formatMark({ ...USUAL, time: { seconds, nanos: 0 } }))).toBeUndefined();
      expect(parseMark(formatMark({ ...USUAL, findFrom: { seconds, nanos: 0 } }))).toBeUndefined();
    }
  });

  test('is refused when it is none, and nothing but a token is taken', () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((all) => Buffer.from(all).toString('base64url'));
    const changed = fc.tuple(mark, fc.nat(), fc.base64String({ maxLength: 4 })).map(([one, at, change]) => {
      const token = formatMark(one);
      const place = at % (token.length + 1);
      return token.slice(0, place) + change + token.slice(place + (at % 3));
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), bytes, changed), (text) => {
        const parsed = parseMark(text);
        expect(parsed === undefined ? text : formatMark(parsed)).toBe(text);
      }),
      { numRuns: 2000 },
    );
    const token = formatMark(USUAL);
    for (const wrong of [
      '',
      'x',
      `${token} `,
      `${token}=`,
      `B${token.slice(1)}`,
      token.slice(0, 20),
      'A'.repeat(5000),
    ]) {
      expect([wrong, parseMark(wrong)]).toEqual([wrong, undefined]);
    }
  });
});
