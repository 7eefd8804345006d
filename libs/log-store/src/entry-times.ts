import { formatTime, type Instant } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';

/**
 * The first and last time of a file's records as its entry has them, and as the reference spells times: microseconds, `+00:00`. What
 * lies between is never outside: the first is cut, the last rounded up.
 */
export const entryTimes = (first: Instant, last: Instant): Pick<LogFile, 'first_record_time' | 'last_record_time'> => ({
  first_record_time: formatMicros(first),
  last_record_time: formatMicros({ ...last, nanos: Math.ceil(last.nanos / 1000) * 1000 }),
});

function formatMicros({ seconds, nanos }: Instant): string {
  const carry = nanos >= 1e9 ? 1 : 0;
  return `${formatTime({ seconds: seconds + carry, nanos: nanos - carry * 1e9 }).slice(0, -4)}+00:00`;
}
