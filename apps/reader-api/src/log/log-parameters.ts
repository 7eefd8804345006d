import { ApiError } from '../errors/catalogue.ts';
import {
  booleanParameter,
  containerParameter,
  namespaceParameter,
  separatorParameter,
  sinceParameter,
  untilParameter,
} from '../http/parameters.ts';
import { parameter } from '../http/query.ts';
import { parseMark } from '@cordwood/log-store';

/** What both limit and tail hold: a page must be readable, and the tail is kept in memory. */
export const MAX_RECORDS = 100_000;
const MAX_TEXT = 1_000;

const count = (min: number, description: string) =>
  parameter(
    `a whole number from ${min} to ${MAX_RECORDS}`,
    (text) => {
      const number = /^\d{1,6}$/.test(text) ? Number(text) : -1;
      return number >= min && number <= MAX_RECORDS ? number : undefined;
    },
    { type: 'integer', minimum: min, maximum: MAX_RECORDS, description },
  );

const filterText = (description: string) =>
  parameter(
    `text of 1 to ${MAX_TEXT} characters`,
    (text) => (text !== '' && text.length <= MAX_TEXT ? text : undefined),
    {
      minLength: 1,
      maxLength: MAX_TEXT,
      description,
    },
  );

/** What a log can be asked for, over HTTP and WebSocket alike. */
export const logParameters = {
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
  tail: count(
    0,
    'Only so many messages at the end, of those that fit otherwise. Does not follow unless asked to.',
  ).optional(),
  limit: count(
    1,
    'At most so many messages: a page. `X-Next-Cursor` says where the next one begins. A page ends earlier when it holds 8 MiB. Never follows.',
  ).optional(),
  cursor: parameter(
    'what X-Next-Cursor, next_cursor or the id of an event held',
    // Its form is checked where it can be said what is wrong with it.
    (text) => (text.length <= 4_096 ? text : undefined),
    {
      description:
        'Only messages after the one that this came with. A `since` that is a duration is then not applied again: it counted from the first request.',
      maxLength: 4_096,
    },
  ).optional(),
  container: containerParameter.optional(),
  namespace: namespaceParameter.optional(),
  stream: parameter('stdout or stderr', (text) => (text === 'stdout' || text === 'stderr' ? text : undefined), {
    enum: ['stdout', 'stderr'],
    description: 'Only messages of this stream. Kubernetes does not tell it of live logs: the archive alone is read.',
  }).optional(),
  previous: booleanParameter(
    'The run of the container before its last one, instead of all of them. Never follows.',
  ).optional(),
  follow: booleanParameter(
    'Go on with what comes. Default: text, events and WebSocket follow a pod that Kubernetes knows to be alive until it ends, unless `tail`, `limit`, `until`, `previous` or `download` is given.',
  ).optional(),
  timestamps: booleanParameter(
    'Text: each message is preceded by its time, as the container runtime wrote it.',
  ).optional(),
  prefix: booleanParameter('Text: each message is preceded by the name of its container.').optional(),
  contains: filterText('Only messages that hold this text.').optional(),
  regex: filterText(
    'Only messages that this regular expression fits somewhere: RE2, so without catastrophic backtracking, look-around and back references; `(?i)` at its beginning ignores case.',
  ).optional(),
  separator: separatorParameter.optional(),
  debug: booleanParameter(
    'Text: lines that begin with the separator tell which container instance, from the archive or from Kubernetes, follows.',
  ).optional(),
};

/** What can stand in a request of a log; undefined is what was not given. */
export interface GivenParameters {
  readonly cursor?: string | undefined;
  readonly tail?: number | undefined;
  readonly limit?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly previous?: boolean | undefined;
  readonly download?: boolean | undefined;
  readonly format?: string | undefined;
}

/** What contradicts what, and why. `true`: only when it is true. All other parameters go together, and every filter narrows. */
const CONFLICTS: readonly {
  readonly a: readonly [keyof GivenParameters, (true | string)?];
  readonly b: readonly [keyof GivenParameters, (true | string)?];
  readonly why: string;
}[] = [
  { a: ['tail'], b: ['cursor'], why: 'one counts from the end, the other goes on from a place' },
  { a: ['tail'], b: ['limit'], why: 'one counts from the end, the other from the beginning' },
  { a: ['limit'], b: ['follow', true], why: 'a page ends' },
  { a: ['previous', true], b: ['follow', true], why: 'the previous run is over' },
  { a: ['download', true], b: ['follow', true], why: 'a download ends' },
  { a: ['download', true], b: ['format', 'sse'], why: 'events are no file' },
];

/** Throws ApiError `conflicting_parameters`. */
export function checkConflicts(given: GivenParameters): void {
  const has = ([name, value]: readonly [keyof GivenParameters, (true | string)?]) =>
    value === undefined ? given[name] !== undefined : given[name] === value;
  const problems = CONFLICTS.filter(({ a, b }) => has(a) && has(b)).map(
    ({ a, b, why }) => `${written(a)} and ${written(b)} contradict each other: ${why}`,
  );
  if (problems.length > 0) throw new ApiError('conflicting_parameters', problems.join('; '));
}

const written = ([name, value]: readonly [string, (true | string)?]): string =>
  value === undefined ? name : `${name}=${String(value)}`;

/** The mark that a cursor stands for. Throws ApiError. */
export function markOfCursor(cursor: string) {
  const mark = parseMark(cursor);
  if (mark !== undefined) return mark;
  throw new ApiError('cursor_invalid', 'cursor (or Last-Event-ID) holds what Cordwood never gave: begin without it');
}
