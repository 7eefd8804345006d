import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareInstants, formatTime, type Instant, parseTime, shiftInstant, TimeReader } from './index.ts';

const pad = (value: number, width = 2): string => value.toString().padStart(width, '0');

/** Mostly real dates and times of day, with some just outside the calendar and the clock. */
const parts = fc.record({
  year: fc.oneof(fc.constantFrom(0, 1, 1600, 1900, 1970, 2000, 2023, 2024, 2100, 9999), fc.nat(9999)),
  month: fc.integer({ min: 0, max: 13 }),
  day: fc.oneof(fc.constantFrom(0, 28, 29, 30, 31, 32), fc.nat(32)),
  hour: fc.nat(25),
  minute: fc.nat(61),
  second: fc.nat(62),
  fraction: fc.oneof(fc.constant(''), fc.stringMatching(/^\d{1,15}$/)),
  separator: fc.constantFrom('T', 't', ' '),
  zone: fc.oneof(
    fc.constantFrom('', 'Z', 'z', '+00:00', '-00:00'),
    fc
      .tuple(fc.constantFrom('+', '-'), fc.nat(14), fc.nat(59), fc.constantFrom(':', ''))
      .map(([sign, hours, minutes, colon]) => `${sign}${pad(hours)}${colon}${pad(minutes)}`),
  ),
});
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

const spell = ({ year, month, day, hour, minute, second, fraction, separator, zone }: Parts): string =>
  `${pad(year, 4)}-${pad(month)}-${pad(day)}${separator}${pad(hour)}:${pad(minute)}:${pad(second)}` +
  (fraction === '' ? '' : `.${fraction}`) +
  zone;

/** Nanoseconds since 1970 by Date and BigInt, or undefined where there is no such time. */
function oracle({ year, month, day, hour, minute, second, fraction, zone }: Parts): bigint | undefined {
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const exists = midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 60) return undefined;
  const [, sign = '+', hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60 : 60);
  const seconds = midnight.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

const nanosOf = ({ seconds, nanos }: Instant): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(nanos);

const instants = fc.record({
  seconds: fc.integer({ min: Date.UTC(0, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }),
  nanos: fc.nat(999_999_999),
});

describe('reading', () => {
  test('one reader gives the same as an oracle for any times one after the other', () => {
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 8 }), (all) => {
        const reader = new TimeReader();
        for (const one of all) {
          // As it stands in a line: with other digits around it.
          const bytes = Buffer.from(`9${spell(one)}9`);
          const isTime = reader.read(bytes, 1, bytes.length - 1);
          expect(isTime ? nanosOf(reader) : undefined).toBe(oracle(one));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('lines of the same minute, which is remembered, differ in second, fraction and zone', () => {
    const reader = new TimeReader();
    const read = (text: string) => reader.read(Buffer.from(text), 0, text.length) && nanosOf(reader);
    expect(read('2026-11-20T10:00:01.5Z')).toBe(1_795_168_801_500_000_000n);
    expect(read('2026-11-20T10:00:02.25+02:00')).toBe(1_795_161_602_250_000_000n);
    expect(read('2026-11-20T10:00:61Z')).toBe(false);
    expect(read('2026-11-20T10:01:02Z')).toBe(1_795_168_862_000_000_000n);
    expect(read('2026-02-30T10:01:02Z')).toBe(false);
    expect(read('2026-11-20T10:01:03Z')).toBe(1_795_168_863_000_000_000n);
  });

  test.each([
    '',
    'yesterday',
    '1795168800',
    '2026-11-20',
    '2026-11-20T10:00',
    '2026-11-20T10:00:0',
    '2026-11-20T10:00:00.',
    '2026-11-20T10:00:00.Z',
    '2026-11-20T10:00:00,5Z',
    '2026-11-20T10:00:00ZZ',
    '2026-11-20T10:00:00+2',
    '2026-11-20T10:00:00+02',
    '2026-11-20T10:00:00+02:0',
    '2026-11-20T10:00:00+0a:00',
    '2026-11-20T10:00:00.5 Z',
    '2026-11-20X10:00:00Z',
    '2026/11/20T10:00:00Z',
    '2026-11-20T10.00.00Z',
    '2O26-11-20T10:00:00Z',
    '20261-1-20T10:00:00Z',
  ])('%j is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

describe('instants', () => {
  test('what is formatted reads as the same instant', () => {
    fc.assert(
      fc.property(instants, (instant) => {
        expect(parseTime(formatTime(instant))).toEqual(instant);
      }),
    );
    expect(formatTime({ seconds: -1, nanos: 5 })).toBe('1969-12-31T23:59:59.000000005Z');
  });

  test('compare and shift as nanoseconds do', () => {
    fc.assert(
      fc.property(instants, instants, fc.integer({ min: -1e9, max: 1e9 }), (a, b, ms) => {
        const difference = nanosOf(a) - nanosOf(b);
        expect(Math.sign(compareInstants(a, b))).toBe(difference > 0n ? 1 : difference < 0n ? -1 : 0);
        const shifted = shiftInstant(a, ms);
        expect(nanosOf(shifted)).toBe(nanosOf(a) + BigInt(ms) * 1_000_000n);
        expect(shifted.nanos).toBeGreaterThanOrEqual(0);
        expect(shifted.nanos).toBeLessThan(1e9);
      }),
    );
  });
});
