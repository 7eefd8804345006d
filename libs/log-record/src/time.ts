/**
 * Times to the nanosecond, as two numbers: a double alone cannot hold them, and BigInt is too slow for every record of a log.
 */

/** An instant: whole seconds since 1970 (UTC, may be negative) and nanoseconds within the second, 0 to 999,999,999. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

/** Negative, zero or positive as `a` is before, at or after `b`. */
export const compareInstants = (a: Instant, b: Instant): number => a.seconds - b.seconds || a.nanos - b.nanos;

/** The instant `ms` milliseconds later (or earlier, when negative). */
export function shiftInstant(instant: Instant, ms: number): Instant {
  const nanos = instant.nanos + (ms % 1000) * 1e6;
  const carry = Math.floor(nanos / 1e9);
  return { seconds: instant.seconds + Math.trunc(ms / 1000) + carry, nanos: nanos - carry * 1e9 };
}

const ZERO = 0x30;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const NANO_DIGITS = 9;
/** Powers of ten. */
const TENS = Array.from({ length: NANO_DIGITS }, (_, digits) => 10 ** digits);
/** `YYYY-MM-DDTHH:MM:` */
const MINUTE_LENGTH = 17;

/** Days from 1970-01-01 to the date, or NaN when the calendar has no such day. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const before = DAYS_BEFORE_MONTH[month - 1];
  if (before === undefined || day < 1) return NaN;
  const lengthOfMonth = month === 2 ? (leap ? 29 : 28) : (DAYS_BEFORE_MONTH[month] ?? 365) - before;
  if (day > lengthOfMonth) return NaN;
  const y = year - 1;
  const daysBeforeYear = 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  // 719162 days lie between 0001-01-01 and 1970-01-01.
  return daysBeforeYear - 719_162 + before + (leap && month > 2 ? 1 : 0) + day - 1;
}

/** The number that `count` ASCII digits at `at` spell, or NaN. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * Reads times from bytes: RFC 3339 with any number of fraction digits (those beyond the ninth are cut), `T` or a blank between
 * date and time, any zone, none meaning UTC. Consecutive records mostly share their minute, so the last one is remembered.
 *
 * After a {@link read} that gave true, `seconds` and `nanos` hold the instant.
 */
export class TimeReader {
  seconds = 0;
  nanos = 0;
  private readonly minute = new Uint8Array(MINUTE_LENGTH);
  private minuteStart = NaN;

  /** Whether the bytes from `start` to `end` (exclusive) are a time. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < MINUTE_LENGTH + 2) return false;
    if (!this.sameMinute(bytes, start) && !this.readMinute(bytes, start)) return false;
    const second = digits(bytes, start + MINUTE_LENGTH, 2);
    if (!(second <= 60)) return false;

    let at = start + MINUTE_LENGTH + 2;
    let nanos = 0;
    if (at < end && bytes[at] === 0x2e) {
      const from = ++at;
      for (; at < end; at++) {
        const digit = (bytes[at] ?? 0) - ZERO;
        if (digit < 0 || digit > 9) break;
        if (at - from < NANO_DIGITS) nanos = nanos * 10 + digit;
      }
      if (at === from) return false;
      nanos *= TENS[NANO_DIGITS - (at - from)] ?? 1;
    }
    const offset = zoneOffset(bytes, at, end);
    if (Number.isNaN(offset)) return false;
    this.seconds = this.minuteStart + second - offset;
    this.nanos = nanos;
    return true;
  }

  private sameMinute(bytes: Uint8Array, start: number): boolean {
    if (Number.isNaN(this.minuteStart)) return false;
    for (let i = MINUTE_LENGTH - 1; i >= 0; i--) if (bytes[start + i] !== this.minute[i]) return false;
    return true;
  }

  private readMinute(bytes: Uint8Array, at: number): boolean {
    const separator = bytes[at + 10];
    const separated =
      bytes[at + 4] === 0x2d &&
      bytes[at + 7] === 0x2d &&
      (separator === 0x54 || separator === 0x74 || separator === 0x20) &&
      bytes[at + 13] === 0x3a &&
      bytes[at + 16] === 0x3a;
    const days = daysSinceEpoch(digits(bytes, at, 4), digits(bytes, at + 5, 2), digits(bytes, at + 8, 2));
    const hour = digits(bytes, at + 11, 2);
    const minute = digits(bytes, at + 14, 2);
    if (!separated || Number.isNaN(days) || !(hour <= 23) || !(minute <= 59)) return false;
    this.minute.set(bytes.subarray(at, at + MINUTE_LENGTH));
    this.minuteStart = days * 86_400 + hour * 3600 + minute * 60;
    return true;
  }
}

/** Seconds east of UTC that `Z`, `+hh:mm`, `-hhmm` or nothing at all stand for, or NaN. */
function zoneOffset(bytes: Uint8Array, at: number, end: number): number {
  if (at === end) return 0;
  const sign = bytes[at];
  if (sign === 0x5a || sign === 0x7a) return at + 1 === end ? 0 : NaN;
  if (sign !== 0x2b && sign !== 0x2d) return NaN;
  const colon = bytes[at + 3] === 0x3a ? 1 : 0;
  if (at + 5 + colon !== end) return NaN;
  const offset = digits(bytes, at + 1, 2) * 3600 + digits(bytes, at + 3 + colon, 2) * 60;
  return sign === 0x2d ? -offset : offset;
}

/** The instant that the text spells (see {@link TimeReader}), or undefined. */
export function parseTime(text: string): Instant | undefined {
  const reader = new TimeReader();
  const bytes = Buffer.from(text);
  return reader.read(bytes, 0, bytes.length) ? { seconds: reader.seconds, nanos: reader.nanos } : undefined;
}

/** RFC 3339 in UTC with nine digits of fraction; {@link parseTime} is its inverse. */
export function formatTime(instant: Instant): string {
  const whole = new Date(instant.seconds * 1000).toISOString().slice(0, -'.000Z'.length);
  return `${whole}.${String(instant.nanos).padStart(9, '0')}Z`;
}
