import { once } from 'node:events';
import { connect } from 'node:net';
import { eventually, putRaw, startFaultProxy } from '@cordwood/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { logPath, noStreamIsOpen, putMerged, type Reader, startReader, startSystemAndReader } from './harness.ts';

/** Longer than a busy machine stalls: whoever has nothing to take must answer within one. */
const PING = '3s';

let reader: Reader;
const open = new Set<WebSocket>();
beforeAll(async () => {
  reader = await startSystemAndReader({ WEBSOCKET_PING_INTERVAL: PING });
  await putRaw(reader.system.store, { pod: 'job', index: 0, messages: ['one', 'two', 'three'] });
});
afterEach(() => {
  for (const socket of open) socket.terminate();
  open.clear();
});
afterAll(() => reader.system.close());

type Parameters = Readonly<Record<string, string>>;

const socketPath = (job: string, parameters: Parameters = {}) => logPath(job, parameters).replace('/log?', '/log_ws?');

function socketTo(at: Reader, path: string, protocols: string[] = []): WebSocket {
  const socket = new WebSocket(at.url.replace('http', 'ws') + path, protocols);
  open.add(socket);
  socket.on('error', () => undefined);
  return socket;
}

interface Received {
  readonly chunks: Buffer[];
  readonly text: () => string;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

function receive(socket: WebSocket): Received {
  const chunks: Buffer[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) throw new Error('not binary');
    chunks.push(data);
  });
  const closed = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
  return { chunks, text: () => Buffer.concat(chunks).toString(), closed };
}

const readAll = async (path: string) => {
  const received = receive(socketTo(reader, path));
  const { code } = await received.closed;
  return [code, received.text()];
};

/** What a handshake is answered with instead of a socket. */
async function refusal(
  path: string,
  at = reader,
): Promise<{ status: number; code: string; headers: Record<string, unknown> }> {
  const socket = socketTo(at, path);
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { statusCode: number; headers: Record<string, unknown> },
  ];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  const { error } = JSON.parse(body) as { error: { code: string } };
  return { status: response.statusCode, code: error.code, headers: response.headers };
}

test('the same parameters, and 1000 at the end', async () => {
  expect(await readAll(socketPath('job'))).toEqual([1000, 'one\ntwo\nthree\n']);
  expect(await readAll(socketPath('job', { tail: '1', timestamps: 'true' }))).toEqual([
    1000,
    '2026-11-20T10:00:00.002000000Z three\n',
  ]);
  expect(await readAll(socketPath('job', { contains: 't', stream: 'stdout', limit: '1' }))).toEqual([1000, 'two\n']);
  expect(await readAll(socketPath('job', { since: '0s' }))).toEqual([1000, '']);
});

test('headers of the handshake, and subprotocols', async () => {
  const handshake = async (protocols: string[]) => {
    const socket = socketTo(reader, socketPath('job', { separator: '--' }), protocols);
    const { closed } = receive(socket);
    // Both at once.
    const [[response]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
      [{ headers: Record<string, unknown> }],
      unknown,
    ];
    const protocol = socket.protocol;
    expect((await closed).code).toBe(1000);
    return { protocol, headers: response.headers };
  };
  const { protocol, headers } = await handshake(['other', 'logs.apolo.us']);
  expect(protocol).toBe('logs.apolo.us');
  expect(headers).toMatchObject({ 'x-separator': '--', 'x-container': 'job', 'x-namespace': 'jobs' });
  expect((await handshake([])).protocol).toBe('');
  // A browser or `ws` would close a socket without the one that it offered; the server lets it decide.
  const raw = await rawHandshake('Sec-WebSocket-Protocol: unknown\r\n');
  expect(raw).toMatch(/^HTTP\/1\.1 101 /);
  expect(raw).not.toMatch(/sec-websocket-protocol/i);
});

async function rawHandshake(more: string, path = socketPath('job')): Promise<string> {
  const socket = connect(Number(new URL(reader.url).port), '127.0.0.1');
  try {
    const head = [
      `GET ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ];
    socket.write(`${head.filter((line) => !more.startsWith(line.split(':')[0] ?? '')).join('\r\n')}\r\n${more}\r\n`);
    let answer = '';
    // A handshake that succeeds ends after its log; anything else after its body.
    for await (const data of socket as AsyncIterable<Buffer>) answer += data.toString('latin1');
    return answer;
  } finally {
    socket.destroy();
  }
}

describe('what stands against it is an answer with its status', () => {
  test.each<[string, Parameters, number, string]>([
    ['none', {}, 404, 'job_not_found'],
    ['job', { container: 'other' }, 404, 'container_not_found'],
    ['job', { sinse: '1h' }, 400, 'unknown_parameter'],
    ['job', { format: 'ndjson' }, 400, 'unknown_parameter'],
    ['job', { download: '1' }, 400, 'unknown_parameter'],
    ['job', { tail: 'x' }, 400, 'invalid_parameter'],
    ['job', { tail: '1', limit: '1' }, 400, 'conflicting_parameters'],
    ['job', { cursor: 'x' }, 400, 'cursor_invalid'],
    ['Job_1', {}, 400, 'invalid_parameter'],
  ])('%s %o: %d %s', async (job, parameters, status, code) => {
    expect(await refusal(socketPath(job, parameters))).toMatchObject({
      status,
      code,
      headers: { 'content-type': 'application/json; charset=utf-8', 'x-service-version': expect.any(String) },
    });
  });

  test('S3 that is away', async () => {
    const proxy = await startFaultProxy(reader.system.env['AWS_ENDPOINT_URL_S3'] ?? '');
    try {
      const own = await startReader(reader.system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
      proxy.add({ match: () => true, fault: { status: 503, code: 'SlowDown' }, times: Infinity });
      const refused = await refusal(socketPath('job'), own);
      expect(refused).toMatchObject({ status: 503, code: 'storage_unavailable', headers: { 'retry-after': '5' } });
    } finally {
      await proxy.stop();
    }
  });

  test('no WebSocket, and other routes', async () => {
    const response = await reader.get(socketPath('job'));
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
    expect(await response.json()).toMatchObject({ error: { code: 'upgrade_required' } });
    expect(await rawHandshake('Sec-WebSocket-Key: x\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"malformed_request"/);
    expect(await rawHandshake('Sec-WebSocket-Version: 7\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"malformed_request"/);
    expect(await refusal('/nowhere')).toMatchObject({ status: 404, code: 'route_not_found' });
    // Whatever else a client would upgrade to, it gets an answer.
    expect(await rawHandshake('Upgrade: h2c\r\n', '/ping')).toMatch(/^HTTP\/1\.1 200 [^]*Pong$/);
    expect(await rawHandshake('', logPath('job'))).toMatch(/^HTTP\/1\.1 200 [^]*three\n/);
  });
});

test('a large log arrives whole, in messages of a bounded size', async () => {
  const lines = Array.from({ length: 3000 }, (_, line) => `${line} `.padEnd(2000, 'x'));
  await putMerged(reader.system, { pod: 'large', files: [lines, ['y'.repeat(300_000)]] });
  const received = receive(socketTo(reader, socketPath('large')));
  expect((await received.closed).code).toBe(1000);
  expect(received.text()).toBe(`${lines.join('\n')}\n${'y'.repeat(300_000)}\n`);
  expect(Math.max(...received.chunks.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024);
});

test('a peer that takes nothing slows the read down, and is cut off when it answers no ping', async () => {
  const line = 'x'.repeat(10 * 1024 - 1);
  await putMerged(reader.system, {
    pod: 'huge',
    files: Array.from({ length: 6 }, () => Array<string>(1024).fill(line)),
  });
  const sent = () => reader.metric('cordwood_http_sent_bytes_total', { route: '/api/v1/jobs/:job/log_ws' });
  const before = await sent();
  const socket = socketTo(reader, socketPath('huge'));
  await once(socket, 'open');
  socket.pause();
  await eventually('it was cut off', () =>
    reader.app.lines.some(
      (each) => each['path'] === '/api/v1/jobs/huge/log_ws' && each['status'] === 499 && each['clientLeft'] === true,
    ),
  );
  // What the connection and our buffer hold, and no more.
  expect((await sent()) - before).toBeLessThan(32 * 1024 * 1024);
  await noStreamIsOpen(reader);
});

test('a peer that answers pings stays, and what it sends is of no matter, unless it is too much', async () => {
  await putRaw(reader.system.store, { pod: 'grows', index: 0, messages: ['first'] });
  const socket = socketTo(reader, socketPath('grows', { follow: 'true' }));
  const received = receive(socket);
  let pings = 0;
  socket.on('ping', () => pings++);
  await eventually('what there is', () => received.text() === 'first\n');
  socket.send('hello');
  await eventually('pings', () => pings > 2);
  await putRaw(reader.system.store, { pod: 'grows', index: 1, messages: ['second'] });
  await eventually('what comes', () => received.text() === 'first\nsecond\n');
  await eventually('it counts', async () => (await reader.metric('cordwood_http_open_streams')) === 1);
  socket.send(Buffer.alloc(10_000));
  expect((await received.closed).code).toBe(1009);
  await noStreamIsOpen(reader);
});

test('a peer that leaves ends the read; one line in the log, and nothing of the query', async () => {
  const socket = socketTo(reader, socketPath('job', { follow: 'true', separator: 'top-secret' }));
  await once(socket, 'message');
  socket.terminate();
  await noStreamIsOpen(reader);
  const line = await reader.app.line(
    'request',
    (each) => each['status'] === 499 && each['path'] === '/api/v1/jobs/job/log_ws',
  );
  expect(line).toMatchObject({
    level: 'info',
    method: 'GET',
    route: '/api/v1/jobs/:job/log_ws',
    clientLeft: true,
    sentBytes: 14,
  });
  expect(JSON.stringify(reader.app.lines)).not.toContain('top-secret');
  const ended = await reader.app.line('request', (each) => each['status'] === 101);
  expect(ended).not.toHaveProperty('clientLeft');
});

test('a log that cannot be finished: 1011, with the code of the error', async () => {
  const lines = Array.from({ length: 100 }, (_, line) => `${line} `.padEnd(2047, 'x'));
  const keys = await putMerged(reader.system, { pod: 'cut', files: [lines, ['the end']] });
  await reader.system.store.deleteMany([{ key: keys[1] ?? '' }]);
  const received = receive(socketTo(reader, socketPath('cut')));
  expect(await received.closed).toEqual({ code: 1011, reason: expect.stringMatching(/^log_file_missing: /) });
  expect(received.text()).toBe(`${lines.join('\n')}\n`);
  const line = await reader.app.line('request', (each) => each['path'] === '/api/v1/jobs/cut/log_ws');
  expect(line).toMatchObject({ level: 'warn', broken: true, errorCode: 'log_file_missing' });
});

test('1001 when the server stops, and it stops at once', async () => {
  // Longer than the test may take: nothing waits for that.
  const own = await startReader(reader.system, { SHUTDOWN_TIMEOUT: '10m' });
  const following = receive(socketTo(own, socketPath('job', { follow: 'true' })));
  await eventually('it is open', () => following.text() === 'one\ntwo\nthree\n');
  // One that does not even answer.
  const deaf = socketTo(own, socketPath('job', { follow: 'true' }));
  await once(deaf, 'open');
  deaf.pause();
  own.app.kill('SIGTERM');
  expect((await following.closed).code).toBe(1001);
  expect(await own.app.ended).toBe(0);
  const stopped = own.app.lines.find((line) => line['message'] === 'stopped');
  expect(stopped).toMatchObject({ ok: true });
});
