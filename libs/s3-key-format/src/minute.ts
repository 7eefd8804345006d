/** Minutes as keys spell them: `YYYYMMDDHHmm`, UTC. */

const MINUTE = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)$/;

/** Seconds since 1970 at the start of the minute, or undefined when the text is no minute of the calendar. */
export function parseMinute(text: string): number | undefined {
  const match = MINUTE.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = match.slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute);
  const seconds = date.getTime() / 1000;
  // A date that does not exist (the 31st of February) rolls over, and then spells otherwise.
  return formatMinute(seconds) === text ? seconds : undefined;
}

/** The inverse of {@link parseMinute}; seconds within the minute are dropped. */
export function formatMinute(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(0, 12);
}
