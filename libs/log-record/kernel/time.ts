/** The time read last: seconds since 1970, … */
export let seconds: i64 = 0;
/** … and nanoseconds within the second. */
export let nanos: i32 = 0;

/** `YYYY-MM-DDTHH:MM:` */
const MINUTE_LENGTH: usize = 17;
/** The minute of the time read last: consecutive records mostly share it. */
const minute = memory.data(32);
let minuteSeconds: i64 = 0;

const NINE_DIGITS: usize = 9;

/**
 * Reads a time up to the quote behind it, as it is usually written: RFC 3339 with up to nine digits of fraction, and a zone. Gives the
 * address of the quote; 0: it is written otherwise, or is none.
 */
export function readTime(from: usize): usize {
  if (!isSameMinute(from) && !readMinute(from)) return 0;
  const second = twoDigits(from + MINUTE_LENGTH);
  if (second < 0 || second > 60) return 0;
  let at = from + MINUTE_LENGTH + 2;
  let fraction = 0;
  if (load<u8>(at) == 0x2e) {
    const first = ++at;
    for (; isDigit(at); at++) {
      if (at - first == NINE_DIGITS) return 0;
      fraction = fraction * 10 + load<u8>(at) - 0x30;
    }
    if (at == first) return 0;
    for (let digits = at - first; digits < NINE_DIGITS; digits++) fraction *= 10;
  }
  let offset = 0;
  const sign = load<u8>(at);
  if (sign == 0x5a) at++;
  else {
    const hours = twoDigits(at + 1);
    const minutes = twoDigits(at + 4);
    if ((sign != 0x2b && sign != 0x2d) || load<u8>(at + 3) != 0x3a || hours < 0 || minutes < 0) return 0;
    if (hours > 23 || minutes > 59) return 0;
    offset = (hours * 60 + minutes) * 60;
    if (sign == 0x2d) offset = -offset;
    at += 6;
  }
  if (load<u8>(at) != 0x22) return 0;
  seconds = minuteSeconds + second - offset;
  nanos = fraction;
  return at;
}

function isSameMinute(at: usize): bool {
  return i8x16.all_true(i8x16.eq(v128.load(at), v128.load(minute))) && load<u8>(at + 16) == load<u8>(minute + 16);
}

/** Years of which nanoseconds since 1970 can be counted with 64 bits. */
const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;

function readMinute(at: usize): bool {
  const century = twoDigits(at);
  const ofCentury = twoDigits(at + 2);
  const month = twoDigits(at + 5);
  const day = twoDigits(at + 8);
  const hour = twoDigits(at + 11);
  const ofHour = twoDigits(at + 14);
  const separated =
    load<u8>(at + 4) == 0x2d &&
    load<u8>(at + 7) == 0x2d &&
    load<u8>(at + 10) == 0x54 &&
    load<u8>(at + 13) == 0x3a &&
    load<u8>(at + 16) == 0x3a;
  // One below zero is no digit.
  if (!separated || (century | ofCentury | month | day | hour | ofHour) < 0) return false;
  const year = century * 100 + ofCentury;
  if (year < FIRST_YEAR || year > LAST_YEAR || hour > 23 || ofHour > 59) return false;
  if (month < 1 || month > 12 || day < 1 || day > lengthOfMonth(year, month)) return false;
  minuteSeconds = <i64>daysSinceEpoch(year, month, day) * 86_400 + hour * 3600 + ofHour * 60;
  v128.store(minute, v128.load(at));
  store<u8>(minute + 16, load<u8>(at + 16));
  return true;
}

function isLeap(year: i32): bool {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

function lengthOfMonth(year: i32, month: i32): i32 {
  if (month == 2) return isLeap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

function daysSinceEpoch(year: i32, month: i32, day: i32): i32 {
  const y = year - 1;
  // 719162 days lie between 0001-01-01 and 1970-01-01.
  let days = 365 * y + y / 4 - y / 100 + y / 400 - 719_162 + day - 1;
  for (let before = 1; before < month; before++) days += lengthOfMonth(year, before);
  return days;
}

function isDigit(at: usize): bool {
  return <u8>(load<u8>(at) - 0x30) < 10;
}

/** The number that two digits spell; -1: they are none. */
function twoDigits(at: usize): i32 {
  return isDigit(at) && isDigit(at + 1) ? (<i32>load<u8>(at) - 0x30) * 10 + load<u8>(at + 1) - 0x30 : -1;
}
