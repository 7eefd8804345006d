import { once } from 'node:events';
import { request } from 'node:http';
import { putRaw } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Reader, startSystemAndReader } from './harness.ts';

let reader: Reader;
beforeAll(async () => {
  reader = await startSystemAndReader({ RATE_LIMIT: 'off' });
  await putRaw(reader.system.store, { pod: 'job', index: 0, messages: ['one', 'two', 'three'] });
});
afterAll(() => reader.system.close());

/** In ms: only what hangs is to fail. A read that follows is left after its head. */
const PATIENCE = 150_000;

/** Sends it as it is: no client library may tidy it up. Gives the status; -1: the connection was closed without one. */
async function statusOf(method: string, path: string, headers: Record<string, string>): Promise<number> {
  const sent = request(reader.url, { method, path, headers, agent: false, signal: AbortSignal.timeout(PATIENCE) });
  sent.on('error', () => undefined);
  sent.end();
  const upgraded = once(sent, 'upgrade').then(([response]) => response as { statusCode: number });
  const answered = once(sent, 'response').then(([response]) => response as { statusCode: number });
  for (const each of [upgraded, answered]) each.catch(() => undefined);
  try {
    return (await Promise.race([upgraded, answered])).statusCode;
  } finally {
    sent.destroy();
  }
}

const NAMES = [
  ...[
    'since',
    'until',
    'tail',
    'limit',
    'cursor',
    'container',
    'namespace',
    'stream',
    'previous',
    'follow',
    'timestamps',
  ],
  ...['prefix', 'contains', 'regex', 'separator', 'debug', 'format', 'download', '__proto__', 'x', '', 'access_token'],
];
const GOOD = [
  ...['1h', '0s', '2026-11-20T10:00:00Z', '2026-11-20T10:00:00+02:00', '9999-12-31T23:59:60Z', '0001-01-01T00:00:00Z'],
  ...[
    '0',
    '1',
    '100000',
    'true',
    'false',
    'job',
    'jobs',
    '*',
    'stdout',
    'ndjson',
    'sse',
    'text',
    'o',
    '(o|n)+',
    '.*',
    '99999999999d',
  ],
];
const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom(
      '%',
      '+',
      '&',
      '=',
      '/',
      '\\',
      '(',
      ')',
      '*',
      '{',
      '}',
      '[',
      '^',
      '0',
      '9',
      '-',
      '.',
      'é',
      '\u0000',
      ' ',
    ),
    maxLength: 12,
  }),
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...GOOD) },
  { weight: 2, arbitrary: junk.map(encode) },
  fc.constantFrom('%', '%zz', '%ff', '%00', '%e2%28', '+'),
);
const pair = fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, junk.map(encode)), value);
const query = fc.array(pair, { maxLength: 5 }).map((pairs) => pairs.map(([name, text]) => `${name}=${text}`).join('&'));
const job = fc.oneof(
  { weight: 6, arbitrary: fc.constant('job') },
  junk.map(encode),
  fc.constantFrom('none', '%2e%2e', '%', '%ff', 'a'.repeat(300)),
);
const path = fc.oneof(
  { weight: 6, arbitrary: job.map((name) => `/api/v1/jobs/${name}/log`) },
  { weight: 2, arbitrary: job.map((name) => `/api/v1/jobs/${name}/log_ws`) },
  job.map((name) => `/api/v1/jobs/${name}`),
  fc.constantFrom('/api/v1/jobs', '/ping', '//', '/api//v1', '/kube/api/v1/namespaces/jobs/pods', '/..%2f'),
  fc.array(junk.map(encode), { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
);
const headerText = fc.string({ unit: fc.constantFrom(...Array.from('abc*/;,=q0.15 -text/plain')), maxLength: 30 });
const headers = fc.record(
  {
    accept: fc.oneof(headerText, fc.constantFrom('text/event-stream', 'application/x-ndjson', '*/*;q=0')),
    'accept-encoding': fc.oneof(headerText, fc.constantFrom('gzip', 'gzip;q=0')),
    'last-event-id': fc.oneof(headerText, fc.base64String({ maxLength: 120 })),
    connection: fc.constantFrom('Upgrade', 'close'),
    upgrade: fc.constantFrom('websocket', 'h2c'),
    'sec-websocket-key': fc.constantFrom('AAAAAAAAAAAAAAAAAAAAAA==', 'x'),
    'sec-websocket-version': fc.constantFrom('13', '8', 'x'),
    'sec-websocket-protocol': fc.oneof(headerText, fc.constantFrom('logs.apolo.us', 'a,,b', '')),
    range: fc.constant('bytes=0-1'),
    origin: fc.constantFrom('http://evil.example', 'null', 'x'),
    authorization: headerText,
  },
  { requiredKeys: [] },
);

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

test('whatever is asked, it is answered, and by no fault of ours', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS'),
      path,
      query,
      headers,
      async (method, where, what, sent) => {
        const status = await statusOf(method, what === '' ? where : `${where}?${what}`, sent);
        seen.add(status);
        expect(status).toBeLessThan(500);
      },
    ),
    { numRuns: 1500 },
  );
  // It did not only find out that everything is refused.
  for (const status of [200, 400, 404, 405, 406]) expect([status, seen.has(status)]).toEqual([status, true]);
  expect(await reader.text('/api/v1/jobs/job/log')).toBe('one\ntwo\nthree\n');
  expect(reader.app.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
});
