import { type Instant, parseTime, shiftInstant } from '@cordwood/log-record';
import { z } from 'zod';
import { parameter } from '../http/query.ts';
import { StatusError } from './status.ts';

/** As Kubernetes reads it: `false` and `0` are false, whatever else there is is true. */
const flag = (description: string) =>
  parameter('true or false', (text) => text.toLowerCase() !== 'false' && text !== '0', {
    type: 'boolean',
    description,
    default: false,
  }).optional();

const count = (description: string, minimum: number) =>
  parameter('a whole number', (text) => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined), {
    type: 'integer',
    description,
    minimum,
  }).optional();

/** What kubectl asks for. What else Kubernetes knows (`pretty`, `insecureSkipTLSVerifyBackend`, `stream`) makes no difference here. */
export const logQuery = z.strictObject({
  container: parameter('a container', (text) => text, {
    description: 'The container. It must be named where there are several.',
  }).optional(),
  follow: flag('Whether to go on with what comes.'),
  previous: flag('The instance of the container before the last one, alone.'),
  timestamps: flag('Whether each line begins with its time, RFC 3339 with nine digits of a second, and a blank.'),
  sinceSeconds: count('Only lines of the last so many seconds, by the clock of the store.', 1),
  sinceTime: parameter('an RFC 3339 time', parseTime, {
    description: 'Only lines at or after this.',
    examples: ['2026-11-20T10:00:00Z'],
  }).optional(),
  tailLines: count('Only so many lines at the end.', 0),
  limitBytes: count('Only so many bytes, be it in the middle of a line.', 1),
});

export type LogQuery = z.output<typeof logQuery>;

/** Throws StatusError for what Kubernetes calls invalid. */
export function checkLogQuery(pod: string, query: LogQuery): void {
  const { sinceSeconds, sinceTime, tailLines, limitBytes } = query;
  const tooSmall = (name: string, value: number | undefined, least: number): string[] =>
    value === undefined || value >= least
      ? []
      : [`${name}: Invalid value: ${value}: must be greater than ${least === 0 ? 'or equal to 0' : '0'}`];
  const problems = [
    ...tooSmall('tailLines', tailLines, 0),
    ...tooSmall('limitBytes', limitBytes, 1),
    ...tooSmall('sinceSeconds', sinceSeconds, 1),
    ...(sinceSeconds !== undefined && sinceTime !== undefined
      ? [': Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified']
      : []),
  ];
  if (problems.length === 0) return;
  const words = problems.length === 1 ? problems.join('') : `[${problems.join(', ')}]`;
  throw new StatusError('invalid_parameter', `PodLogOptions "${pod}" is invalid: ${words}`, { status: 422 });
}

/** `now`: the store's clock, ms since 1970. */
export function sinceOf({ sinceSeconds, sinceTime }: LogQuery, now: () => number): Instant | undefined {
  if (sinceSeconds === undefined) return sinceTime;
  return shiftInstant({ seconds: 0, nanos: 0 }, now() - sinceSeconds * 1000);
}
