import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath } from './harness.ts';
import { pairwise } from './pairwise.ts';
import {
  asJson,
  asText,
  expected,
  JOB,
  type Parameters,
  parseEvents,
  parseNdjson,
  STATES,
  startThreeStates,
  type ThreeStates,
  WRITTEN,
  type Written,
} from './three-states.ts';

let states: ThreeStates;
beforeAll(async () => void (states = await startThreeStates()));
afterAll(() => states.close());

/** What the messages of an answer are, in whatever format. */
async function read(state: (typeof STATES)[number], parameters: Parameters) {
  const response = await states.readers[state].get(logPath(JOB, parameters));
  const body = await response.text();
  if (response.status !== 200) throw new Error(`${state} ${JSON.stringify(parameters)}: ${response.status} ${body}`);
  return { response, body };
}

/** The messages of a body, and what they should be, in a form that is the same however containers are interleaved that are followed. */
function compared(body: string, messages: readonly Written[], parameters: Parameters) {
  const { format } = parameters;
  const isInterleaved = parameters['follow'] === 'true' && parameters['container'] === '*';
  if (format === 'ndjson' || format === 'sse') {
    const got =
      format === 'ndjson'
        ? parseNdjson(body).filter((each) => 'log' in each)
        : parseEvents(body).flatMap(({ event, data }) => (event === 'message' ? [data] : []));
    const wanted = asJson(messages);
    return isInterleaved ? { got: got.toSorted(byTime), wanted: wanted.toSorted(byTime) } : { got, wanted };
  }
  const wanted = asText(messages, parameters);
  const sorted = (text: string) => text.split('\n').toSorted();
  return isInterleaved ? { got: sorted(body), wanted: sorted(wanted) } : { got: body, wanted };
}

/** Gives in how many states the answer was right. */
async function check(parameters: Parameters): Promise<number> {
  for (const state of STATES) {
    const { body } = await read(state, parameters);
    const { got, wanted } = compared(body, expected(parameters), parameters);
    expect({ state, got }).toEqual({ state, got: wanted });
  }
  return STATES.length;
}

const byTime = (a: object, b: object): number => (keyOf(a) < keyOf(b) ? -1 : 1);
const keyOf = (message: { readonly time?: unknown; readonly container?: unknown }): string =>
  `${String(message.time)}${String(message.container)}`;

const time = (index: number): string => WRITTEN[index]?.time ?? '';

test('the log has what the tests are about', () => {
  expect(new Set(WRITTEN.map(({ container_id }) => container_id)).size).toBe(3);
  expect(new Set(WRITTEN.map(({ stream }) => stream)).size).toBe(2);
  expect(expected({}).length).toBeGreaterThan(150);
});

describe('one parameter', () => {
  test.each<Parameters>([
    {},
    { since: time(40) },
    { since: '2000d' },
    { until: time(75) },
    { tail: '0' },
    { tail: '1' },
    { tail: '37' },
    { tail: '100000' },
    { limit: '1' },
    { limit: '44' },
    { limit: '100000' },
    { container: 'side' },
    { container: '*' },
    { container: JOB },
    { namespace: 'jobs' },
    { stream: 'stdout' },
    { stream: 'stderr' },
    { previous: 'true' },
    { follow: 'false' },
    { timestamps: 'true' },
    { prefix: 'true' },
    { contains: 'message 1' },
    { contains: 'ünïcödé 🪵' },
    { contains: '"quoted"' },
    { contains: '\t' },
    { contains: 'nowhere' },
    { regex: 'level=(WARN|ERR)$' },
    { regex: '^$' },
    { regex: '\\d{2}' },
    { separator: '---' },
    { format: 'text' },
    { format: 'ndjson' },
    { format: 'sse' },
    { download: 'true' },
  ])('%o', async (parameters) => {
    expect(await check(parameters)).toBe(STATES.length);
  });
});

const VALUES: Readonly<Record<string, readonly (string | undefined)[]>> = {
  since: [undefined, time(20), time(120)],
  until: [undefined, time(50), time(170)],
  tail: [undefined, '7'],
  limit: [undefined, '9', '10000'],
  container: [undefined, 'side', '*'],
  stream: [undefined, 'stdout', 'stderr'],
  previous: [undefined, 'true'],
  timestamps: [undefined, 'true'],
  prefix: [undefined, 'true'],
  contains: [undefined, 'message', 'WARN'],
  regex: [undefined, '[02468]( |$)'],
  format: [undefined, 'ndjson', 'sse'],
  download: [undefined, 'true'],
  follow: [undefined, 'false', 'true'],
  namespace: [undefined, 'jobs'],
};

const is = (parameters: Parameters, name: string, value?: string) =>
  value === undefined ? parameters[name] !== undefined : parameters[name] === value;

const conflicting = (parameters: Parameters): boolean =>
  (is(parameters, 'tail') && is(parameters, 'limit')) ||
  (is(parameters, 'follow', 'true') &&
    (is(parameters, 'limit') || is(parameters, 'previous', 'true') || is(parameters, 'download', 'true'))) ||
  (is(parameters, 'download', 'true') && is(parameters, 'format', 'sse')) ||
  (is(parameters, 'since') && is(parameters, 'until') && (parameters['since'] ?? '') > (parameters['until'] ?? ''));

/** The container has only one run. */
const withoutPrevious = (parameters: Parameters): boolean =>
  is(parameters, 'previous', 'true') && parameters['container'] !== undefined;

describe('parameters pairwise', () => {
  const combinations = pairwise(VALUES, (parameters) => !conflicting(parameters) && !withoutPrevious(parameters))
    // Without Kubernetes nothing tells that a log is over: it would be followed for ever.
    .map((each) => (is(each, 'follow', 'true') && !is(each, 'until') ? { ...each, until: time(170) } : each));
  test.each(combinations)('%o', async (parameters) => {
    expect(await check(parameters)).toBe(STATES.length);
  });
});

test.each<Parameters>([
  { tail: '1', limit: '1' },
  { tail: '1', cursor: 'x' },
  { limit: '1', follow: 'true' },
  { previous: 'true', follow: 'true' },
  { download: 'true', follow: 'true' },
  { download: 'true', format: 'sse' },
  { since: '1h', until: '2h' },
  { since: '2026-11-20T10:00:01Z', until: '2026-11-20T10:00:00Z' },
])('what contradicts each other: %o', async (parameters) => {
  const error = await errorOf(await states.readers.mixed.get(logPath(JOB, parameters)));
  expect(error).toMatchObject({ status: 400, code: 'conflicting_parameters' });
  for (const name of Object.keys(parameters)) expect(error.message).toContain(name);
});

test('previous of a container that ran once', async () => {
  const error = await errorOf(await states.readers.mixed.get(logPath(JOB, { previous: 'true', container: 'side' })));
  expect(error).toMatchObject({ status: 404, code: 'previous_not_found', message: expect.stringContaining('side') });
});

describe('pages', () => {
  test.each<Parameters>([
    { limit: '1', contains: 'message 4' },
    { limit: '17' },
    { limit: '90' },
    { limit: '25', container: '*', format: 'ndjson' },
    { limit: '13', stream: 'stderr', format: 'ndjson' },
    { limit: '31', container: '*', since: time(10), format: 'sse' },
  ])('%o, each page from another state', async (parameters) => {
    const all = expected({ ...parameters, limit: '100000' });
    const pages: string[] = [];
    const ends: { readonly cursor: string | null; readonly hasMore: string | null }[] = [];
    do {
      const cursor = ends.at(-1)?.cursor;
      const state = STATES[pages.length % STATES.length] ?? 'raw';
      const { response, body } = await read(state, { ...parameters, ...(typeof cursor === 'string' && { cursor }) });
      pages.push(body);
      ends.push({ cursor: response.headers.get('x-next-cursor'), hasMore: response.headers.get('x-has-more') });
    } while (ends.at(-1)?.hasMore === 'true' && pages.length <= all.length);
    const { got, wanted } = compared(pages.join(''), all, parameters);
    expect(got).toEqual(wanted);
    expect(pages).toHaveLength(Math.ceil(all.length / Number(parameters['limit'])));
    // Nothing tells that the log is over.
    expect(ends.every(({ cursor }) => cursor !== null)).toBe(true);
    const lastLines = parameters['format'] === 'ndjson' ? pages.map((page) => parseNdjson(page).at(-1)) : [];
    expect(lastLines).toEqual(
      lastLines.map((_, page) => ({ next_cursor: ends[page]?.cursor, has_more: ends[page]?.hasMore === 'true' })),
    );

    // After the end there is nothing, and the same place to go on at.
    const { response, body } = await read('merged', {
      ...parameters,
      format: 'text',
      cursor: ends.at(-1)?.cursor ?? '',
    });
    expect([body, response.headers.get('x-next-cursor'), response.headers.get('x-has-more')]).toEqual([
      '',
      ends.at(-1)?.cursor,
      'false',
    ]);
  });

  test('a cursor goes on after each message, in every state', async () => {
    const events = parseEvents((await read('raw', { format: 'sse', container: '*' })).body).filter(
      ({ event }) => event === 'message',
    );
    const all = expected({ container: '*' });
    expect(events).toHaveLength(all.length);
    for (const index of [0, 1, 29, 30, 89, 90, 91, 149, 150, 151, all.length - 2, all.length - 1]) {
      const id = events[index]?.id ?? '';
      for (const state of STATES) {
        const { body } = await read(state, { container: '*', cursor: id, timestamps: 'true' });
        const rest = asText(all.slice(index + 1), { timestamps: 'true' });
        expect({ state, index, body }).toEqual({ state, index, body: rest });
      }
    }
  });
});
