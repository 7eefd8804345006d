import { once } from 'node:events';
import { connect } from 'node:net';
import { type AppLogLine, eventually, putRaw, startFaultProxy } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, putMerged, type Reader, startReader, startSystemAndReader } from './harness.ts';

let reader: Reader;
beforeAll(async () => {
  reader = await startSystemAndReader();
  const { store } = reader.system;
  await putRaw(store, { pod: 'job', index: 0, messages: ['one'] });
  await putRaw(store, { pod: 'twice', index: 0, messages: ['one'], namespace: 'here' });
  await putRaw(store, { pod: 'twice', index: 1, messages: ['two'], namespace: 'there', container: 'other' });
  await store.put('metadata/broken.json', Buffer.from('{"log_files": ['));
  await store.put('metadata/newer.json', Buffer.from('{"version": 3}'));
  await store.put('metadata/odd.json', Buffer.from('{"version": 2, "log_files": 7}'));
});
afterAll(() => reader.system.close());

const log = '/api/v1/jobs/job/log';

describe('a request that is wrong', () => {
  test.each([
    [`${log}?since=yesterday`, 'invalid_parameter', ['since', '"yesterday"', 'RFC 3339', '15m']],
    [`${log}?since=2026-02-30T10:00:00Z`, 'invalid_parameter', ['since', 'RFC 3339']],
    [`${log}?until=2026-11-20T10:00:00%2B99:99`, 'invalid_parameter', ['until', 'RFC 3339']],
    [`${log}?since=`, 'invalid_parameter', ['since', '""']],
    [`${log}?timestamps=maybe`, 'invalid_parameter', ['timestamps', '"maybe"', 'true, false, 1 or 0']],
    [`${log}?debug=maybe`, 'invalid_parameter', ['debug']],
    [`${log}?separator=%0d%0aX-Evil:%201`, 'invalid_parameter', ['separator', 'printable ASCII']],
    [`${log}?container=Big_One`, 'invalid_parameter', ['container', '"Big_One"', '*']],
    [`${log}?namespace=a.b`, 'invalid_parameter', ['namespace', '"a.b"']],
    [`${log}?namespace=a&namespace=b`, 'invalid_parameter', ['namespace', 'twice']],
    [`${log}?sinse=15m`, 'unknown_parameter', ['"sinse"', 'since, until, tail']],
    [`${log}?toString=1`, 'unknown_parameter', ['"toString"']],
    [`${log}?since=x&container=_`, 'invalid_parameter', ['since', 'container']],
    ['/api/v1/jobs/Job_1/log', 'invalid_parameter', ['job', '"Job_1"', 'lower case']],
    [`/api/v1/jobs/${'a'.repeat(254)}/log`, 'invalid_parameter', ['job', '253']],
    ['/api/v1/jobs/a%2Fb', 'invalid_parameter', ['job', '"a/b"']],
    ['/api/v1/jobs/%00', 'invalid_parameter', ['job']],
    ['/api/v1/jobs/..%2f..', 'invalid_parameter', ['job']],
    ['/api/v1/jobs/job?since=1h', 'unknown_parameter', ['"since"', 'namespace']],
    ['/api/v1/jobs?limit=0', 'invalid_parameter', ['limit', '"0"', '1 to 1000']],
    ['/api/v1/jobs?limit=1001', 'invalid_parameter', ['limit']],
    ['/api/v1/jobs?limit=1e2', 'invalid_parameter', ['limit']],
    ['/api/v1/jobs?cursor=abc', 'invalid_parameter', ['cursor', 'next_cursor']],
    ['/api/v1/jobs?prefix=A', 'invalid_parameter', ['prefix']],
    ['/ping?x=1', 'unknown_parameter', ['none is allowed']],
    ['/api/v1/jobs/%zz/log', 'malformed_url', ['path']],
    ['/api/v1/jobs/%ff', 'malformed_url', ['path']],
    [`${log}?since=%zz`, 'malformed_url', ['%zz']],
    [`${log}?since=%e2%28`, 'malformed_url', ['query']],
    ['/api/v1/jobs/twice/log', 'ambiguous_namespace', ['namespace', 'here, there']],
  ])('%s: %s', async (path, code, says) => {
    const error = await errorOf(await reader.get(path));
    expect(error).toMatchObject({ status: 400, code });
    for (const words of says) expect(error.message).toContain(words);
  });

  test('what is no HTTP', async () => {
    const socket = connect(Number(new URL(reader.url).port), '127.0.0.1').setEncoding('utf8');
    socket.write('NONSENSE\r\n\r\n');
    const answer = (await socket.toArray()).join('');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*X-Service-Version: cordwood\//);
    expect(answer).toContain('{"error":{"code":"malformed_request"');
  });
});

describe('what is not there', () => {
  test.each([
    ['/api/v1/jobs/none/log', 'job_not_found', 'none'],
    ['/api/v1/jobs/none', 'job_not_found', 'none'],
    // A name that begins another's.
    ['/api/v1/jobs/jo/log', 'job_not_found', 'jo'],
    [`${log}?namespace=elsewhere`, 'namespace_not_found', 'jobs'],
    ['/api/v1/jobs/job?namespace=elsewhere', 'namespace_not_found', 'jobs'],
    [`${log}?container=other`, 'container_not_found', 'it has job'],
    ['/', 'route_not_found', '/'],
    ['/api/v1/job/x/log', 'route_not_found', '/api/v1/job/x/log'],
    ['/API/v1/jobs', 'route_not_found', '/API/v1/jobs'],
  ])('%s: %s', async (path, code, says) => {
    expect(await errorOf(await reader.get(path))).toMatchObject({
      status: 404,
      code,
      message: expect.stringContaining(says),
    });
  });

  test.each([
    ['POST', log],
    ['PUT', '/api/v1/jobs'],
    ['DELETE', '/api/v1/jobs/job'],
    ['PATCH', '/ping'],
    ['POST', '/metrics'],
    ['OPTIONS', '/healthz'],
  ])('%s %s: 405', async (method, path) => {
    const response = await reader.get(path, { method });
    expect(response.headers.get('allow')).toBe(path === log ? 'GET, HEAD, DELETE' : 'GET, HEAD');
    expect(await errorOf(response)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });

  test('HEAD has the status and no body', async () => {
    const response = await reader.get('/api/v1/jobs/none/log', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([404, '']);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
  });
});

test.each(['/ping', '/api/v1/ping', '/healthz', '/readyz', '/metrics', '/api/v1/jobs', '/api/v1/jobs/job', log])(
  '%s: 200, with the version',
  async (path) => {
    const response = await eventually('it is well', async () => {
      const each = await reader.get(path);
      // Readiness is a matter of time on a busy machine.
      return (path !== '/readyz' || each.status === 200) && each;
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-service-version')).toMatch(/^cordwood\/\d+\.\d+\.\d+/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    await response.text();
  },
);

test('Pong', async () => {
  expect(await reader.text('/ping')).toBe('Pong');
  expect(await reader.text('/api/v1/ping')).toBe('Pong');
});

test('metrics and probes are on METRICS_PORT too', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    const isWell = async () => (await fetch(reader.app.opsUrl + path)).status === 200;
    expect(await eventually(`${path}: 200`, isWell)).toBe(true);
  }
});

test.each([
  ['broken', 'not JSON'],
  ['newer', 'of a newer version: 3'],
  ['odd', 'not pod metadata: log_files'],
])('metadata that is %s: 500 with the reason, and other jobs go on', async (pod, reason) => {
  for (const path of [logPath(pod), `/api/v1/jobs/${pod}`]) {
    expect(await errorOf(await reader.get(path))).toMatchObject({
      status: 500,
      code: 'metadata_unreadable',
      message: expect.stringContaining(reason),
    });
  }
  expect(await reader.text(log)).toBe('one\n');
  expect(await reader.text('/api/v1/jobs?limit=10')).toContain(`"${pod}"`);
  // It cannot be known whose it is.
  expect(await reader.text('/api/v1/jobs?namespace=jobs')).not.toContain(`"${pod}"`);
});

test('a file that the metadata lists is gone: an error, before anything is sent', async () => {
  const [first = ''] = await putMerged(reader.system, { pod: 'gone', files: [['one'], ['two']] });
  await reader.system.store.deleteMany([{ key: first }]);
  expect(await errorOf(await reader.get(logPath('gone')))).toMatchObject({
    status: 500,
    code: 'log_file_missing',
    message: expect.stringContaining(first),
  });
});

test('a file that is replaced while we open it is read from where it went', async () => {
  const proxy = await startFaultProxy(reader.system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const own = await startReader(reader.system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const { store } = reader.system;
    const raw = await putRaw(store, { pod: 'moving', index: 0, messages: ['here all the time'] });
    proxy.add({
      match: ({ url }) => url.includes('/kube.var.log.containers.moving_') && url.includes('.gz'),
      fault: {
        before: async () => {
          const containerId = /-([0-9a-f]{64})\.log/.exec(raw)?.[1] ?? '';
          await putMerged(reader.system, { pod: 'moving', containerId, files: [['here all the time']] });
          await store.deleteMany([{ key: raw }]);
        },
      },
    });
    expect(await own.text(logPath('moving'))).toBe('here all the time\n');
  } finally {
    await proxy.stop();
  }
});

describe('what S3 refuses', () => {
  test.each([
    [{ status: 403, code: 'AccessDenied' }, 502, 'storage_access_denied', 'GetObject logs/'],
    [{ status: 400, code: 'InvalidRequest' }, 502, 'storage_error', 'GetObject logs/'],
    [{ status: 503, code: 'SlowDown' }, 503, 'storage_unavailable', 'GetObject logs/'],
  ])('%o', async (fault, status, code, says) => {
    const proxy = await startFaultProxy(reader.system.env['AWS_ENDPOINT_URL_S3'] ?? '');
    try {
      const own = await startReader(reader.system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
      proxy.add({ match: ({ url }) => url.includes('/metadata/job.json'), fault, times: Infinity });
      const response = await own.get(log);
      expect(response.headers.has('retry-after')).toBe(status === 503);
      const error = await errorOf(response);
      expect(error).toMatchObject({ status, code, message: expect.stringContaining(says) });
      expect(error.message).toContain('metadata/job.json');
      // Another job's metadata it may read.
      expect((await own.get(logPath('twice', { namespace: 'here' }))).status).toBe(200);
      expect(await own.metric('cordwood_http_errors_total', { code, broken: 'false' })).toBe(1);
    } finally {
      await proxy.stop();
    }
  });

  test('a bucket that does not exist', async () => {
    const own = await startReader(reader.system, { LOGS_BUCKET: 'no-such-bucket' });
    expect(await errorOf(await own.get(log))).toMatchObject({
      status: 502,
      code: 'storage_bucket_missing',
      message: expect.stringContaining('ListObjectsV2 no-such-bucket/'),
    });
    expect((await own.get('/readyz')).status).toBe(503);
  });
});

test('a bad variable ends the process with what is allowed', async () => {
  const app = await reader.system.start('reader-api', { PORT: '-1', MAX_RECORD: '1KiB', MAX_MESSAGE: 'x' });
  expect(await app.ended).toBe(1);
});

test('the access log: one line per request, and nothing of its query', async () => {
  await putRaw(reader.system.store, { pod: 'logged', index: 0, messages: ['one'] });
  const path = '/api/v1/jobs/logged/log';
  for (const query of ['separator=top-secret&timestamps=1', 'since=top-secret'])
    await (await reader.get(`${path}?${query}`)).text();
  const isOfThem = (line: AppLogLine) => line['path'] === path;
  const good = await reader.app.line('request', (line) => isOfThem(line) && line['status'] === 200);
  const bad = await reader.app.line('request', (line) => isOfThem(line) && line['status'] !== 200);
  expect(good).toMatchObject({
    level: 'info',
    method: 'GET',
    route: '/api/v1/jobs/:job/log',
    path,
    status: 200,
    sentBytes: '2026-11-20T10:00:00.000000000Z one\n'.length,
    durationMs: expect.any(Number),
    firstByteMs: expect.any(Number),
  });
  expect(bad).toMatchObject({ status: 400, errorCode: 'invalid_parameter' });
  // Whatever else there is to say of them has been said before this one.
  await reader.get('/last');
  await reader.app.line('request', (line) => line['path'] === '/last');
  expect(reader.app.lines.filter(isOfThem)).toHaveLength(2);
  expect(reader.app.output).not.toContain('top-secret');
});

test('SIGTERM ends the process in order and at once, whatever connections are open', async () => {
  // Longer than the test may take: nothing waits for that.
  const own = await startReader(reader.system, { SHUTDOWN_TIMEOUT: '10m' });
  const unused = connect(Number(new URL(own.url).port), '127.0.0.1');
  await once(unused, 'connect');
  expect(await own.text('/ping')).toBe('Pong');
  own.app.kill('SIGTERM');
  expect(await own.app.ended).toBe(0);
  unused.destroy();
});
