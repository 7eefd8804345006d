import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Backoff } from './backoff.ts';
import { type ClientOptions, createClient } from './client.ts';
import { CordwoodError } from './errors.ts';
import { type Answer, errorAnswer, jsonAnswer, lineOf, type SpecServer, startSpecServer } from './spec-server.ts';

let server: SpecServer;
beforeAll(async () => void (server = await startSpecServer()));
afterAll(() => server.stop());

const client = (options: Partial<ClientOptions> = {}) =>
  createClient({ baseUrl: `${server.url}/`, retry: { minDelay: 1, maxDelay: 2 }, ...options });

const searches = () => server.asked.map(({ url }) => url.search);

test('jobs, a page at a time, and only as many pages as are looked at', async () => {
  const page = (names: string[], next: string | null) =>
    jsonAnswer({
      jobs: names.map((name) => ({ name, has_merged_files: true, has_raw_files: false })),
      next_cursor: next,
    });
  const script = () => server.script(page(['a', 'b'], 'x'), page([], 'y'), page(['c'], null));
  script();
  const all = await Array.fromAsync(client().jobs({ prefix: 'job', namespace: 'n', limit: 2 }));
  expect(all.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  const common = '?prefix=job&namespace=n&limit=2';
  expect(searches()).toEqual([common, `${common}&cursor=x`, `${common}&cursor=y`]);

  script();
  for await (const { name } of client().jobs()) if (name === 'b') break;
  expect(server.asked).toHaveLength(1);
});

test('a job', async () => {
  server.script(jsonAnswer({ name: 'job' }));
  expect(await client().job('job', { namespace: 'n' })).toEqual({ name: 'job' });
  expect(server.asked[0]?.url.href).toBe('http://x/api/v1/jobs/job?namespace=n');
});

test('a page of a log is given when it is whole', async () => {
  const lines = [lineOf('one', 0), lineOf('two', 1), { gap: {} }, { next_cursor: 'next', has_more: true }]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
  const cut =
    (bytes: number): Answer =>
    (response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(lines.slice(0, bytes), () => setImmediate(() => response.socket?.resetAndDestroy()));
    };
  const whole: Answer = (response) =>
    void response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(lines);
  server.script(cut(10), cut(lines.length - 5), whole);
  const page = await client().logPage('job', { limit: 2, stream: 'stdout' });
  expect(page.records.map(({ log, time }) => [log, time])).toEqual([
    ['one', '2026-11-20T10:00:00.000Z'],
    ['two', '2026-11-20T10:00:00.001Z'],
  ]);
  expect([page.nextCursor, page.hasMore]).toEqual(['next', true]);
  expect(searches()).toEqual(Array.from({ length: 3 }, () => '?limit=2&stream=stdout'));
  expect(server.asked[0]?.accept).toBe('application/x-ndjson');

  const empty = '{"next_cursor":null,"has_more":false}\n';
  server.script((response) => void response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(empty));
  expect(await client().logPage('job')).toEqual({ records: [], nextCursor: undefined, hasMore: false });
  expect(searches()).toEqual(['?limit=1000']);
});

test('dropping a log', async () => {
  server.script(errorAnswer(503, 'storage_unavailable'), jsonAnswer({ job: 'job', namespace: 'n', deleted: [] }));
  expect(await client().deleteLog('job', { namespace: 'n' })).toEqual({ job: 'job', namespace: 'n', deleted: [] });
  expect(server.asked.map(({ method, url }) => `${method} ${url.pathname}${url.search}`)).toEqual(
    Array.from({ length: 2 }, () => 'DELETE /api/v1/jobs/job/log?namespace=n'),
  );
});

test('a token goes with every request; one that is fetched is fetched anew when it has run out', async () => {
  server.script(jsonAnswer({}));
  await client({ token: 'secret' }).job('job');
  expect(server.asked[0]?.authorization).toBe('Bearer secret');

  let issued = 0;
  const token = () => Promise.resolve(`token-${++issued}`);
  server.script(errorAnswer(401, 'unauthenticated'), jsonAnswer({}));
  await client({ token }).job('job');
  expect(server.asked.map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);

  server.script(errorAnswer(401, 'unauthenticated'));
  await expect(client({ token }).job('job')).rejects.toMatchObject({ code: 'unauthenticated', status: 401 });
  expect(server.asked).toHaveLength(2);
});

test('errors have code, status and message', async () => {
  server.script(errorAnswer(404, 'job_not_found'));
  const error = await client()
    .job('none')
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CordwoodError);
  expect(error).toMatchObject({
    code: 'job_not_found',
    status: 404,
    message: 'because of job_not_found',
    isTemporary: false,
  });

  server.script((response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>'));
  await expect(client().job('job')).rejects.toMatchObject({ code: 'unexpected_answer' });

  const away = createClient({ baseUrl: 'http://127.0.0.1:1', retry: { attempts: 1 } });
  await expect(away.job('job')).rejects.toMatchObject({ code: 'network_error', status: undefined, isTemporary: true });
});

test.each(['.', '..', ''])('"%s" is no job, whatever URLs make of it', async (name) => {
  server.script(jsonAnswer({}));
  await expect(client().job(name)).rejects.toThrow(TypeError);
  expect(server.asked).toEqual([]);
});

test('names are parts of the path, whatever they hold', async () => {
  server.script(jsonAnswer({}));
  await client().job('a/b?c#d');
  expect(server.asked[0]?.url.pathname).toBe('/api/v1/jobs/a%2Fb%3Fc%23d');
});

test('a fetch of somebody else is used', async () => {
  const asked: unknown[] = [];
  const own = createClient({
    baseUrl: 'https://logs.example/base',
    fetch: (url) => {
      asked.push(url);
      return Promise.resolve(Response.json({ name: 'job' }));
    },
  });
  expect(await own.job('job')).toEqual({ name: 'job' });
  expect(asked).toEqual(['https://logs.example/base/api/v1/jobs/job']);
});

test('waits grow, have a limit, differ, and leave a service that asks for it in peace', async () => {
  const delays = async (random: number) => {
    const backoff = new Backoff({ attempts: Infinity, minDelay: 100, maxDelay: 1_000 }, () => random);
    const found: number[] = [];
    backoff.nextDelay = ((original) => (atLeast?: number) => {
      found.push(original.call(backoff, atLeast));
      return 0;
    })(backoff.nextDelay.bind(backoff));
    for (let times = 0; times < 6; times++) await backoff.wait(new CordwoodError('network_error', ''), undefined);
    backoff.succeeded();
    await backoff.wait(new CordwoodError('network_error', '', { retryAfterMs: 5_000 }), undefined);
    return found;
  };
  expect(await delays(1)).toEqual([100, 200, 400, 800, 1_000, 1_000, 5_050]);
  expect(await delays(0)).toEqual([50, 100, 200, 400, 500, 500, 5_025]);
});
