import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { eventually, startFaultProxy, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { logPath, noStreamIsOpen, putMerged, type Reader, startCountingProxy, startReader } from './harness.ts';

const MiB = 1024 * 1024;
const FILES = 12;

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

/** 120 MiB of log that take little room in the bucket. */
async function putLargeLog(pod: string): Promise<{ keys: string[]; size: number }> {
  const files = Array.from({ length: FILES }, (_, file) =>
    Array.from({ length: 1024 }, (__, line) => `${file} ${line} `.padEnd(10 * 1024 - 1, 'x')),
  );
  return { keys: await putMerged(system, { pod, files }), size: FILES * 10 * MiB };
}

async function open(reader: Reader, pod: string): Promise<IncomingMessage> {
  const [response] = (await once(get(reader.url + logPath(pod)), 'response')) as [IncomingMessage];
  return response;
}

/** Waits until nothing more is sent: all buffers between the reader and us are full. */
async function untilStalled(reader: Reader): Promise<number> {
  let last = -1;
  let same = 0;
  return eventually('the stream stalls', async () => {
    const sent = await reader.metric('cordwood_http_sent_bytes_total', { route: '/api/v1/jobs/:job/log' });
    same = sent === last && sent > 0 ? same + 1 : 0;
    last = sent;
    return same >= 20 && sent;
  });
}

const memory = (reader: Reader) => reader.metric('process_resident_memory_bytes');

test('a slow client slows the read down, and gets everything in the end', async () => {
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const reader = await startReader(system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const { size } = await putLargeLog('large');
    const before = await memory(reader);
    const response = await open(reader, 'large');
    expect(await reader.metric('cordwood_http_open_streams')).toBe(1);

    // What the connection holds, and no more.
    expect(await untilStalled(reader)).toBeLessThan(32 * MiB);
    expect(proxy.requests.filter(({ url }) => url.includes('/data/large/')).length).toBeLessThan(FILES / 2);
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).toBe(size);
    expect(response.complete).toBe(true);
    expect((await memory(reader)) - before).toBeLessThan(120 * MiB);
    await noStreamIsOpen(reader);
  } finally {
    await proxy.stop();
  }
});

test('a client that leaves ends the read', async () => {
  const s3 = await startCountingProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  const proxy = await startFaultProxy(s3.endpoint);
  const connections = await startCountingProxy(proxy.endpoint);
  try {
    const reader = await startReader(system, { AWS_ENDPOINT_URL_S3: connections.endpoint });
    const { keys } = await putLargeLog('large');
    // The body of the first file comes to a halt, so the reader waits for S3 …
    proxy.add({ match: ({ url }) => url.includes(keys[1] ?? ''), fault: { stallAfter: 1000 } });
    const response = await open(reader, 'large');
    response.resume();
    await eventually('the read waits', () => proxy.requests.some(({ url }) => url.includes(keys[1] ?? '')));
    response.destroy();
    const line = await reader.app.line('request', (each) => each['route'] === '/api/v1/jobs/:job/log');
    expect(line).toMatchObject({ level: 'info', status: 499, clientLeft: true });
    await noStreamIsOpen(reader);
    await eventually('the connection to S3 is closed', () => connections.open() === 0);

    // … or for the client.
    proxy.clear();
    const paused = await open(reader, 'large');
    await untilStalled(reader);
    const asked = proxy.requests.length;
    paused.destroy();
    await noStreamIsOpen(reader);
    await eventually('no connection is at work', () => connections.open() === 0);
    expect(proxy.requests).toHaveLength(asked);
    expect(reader.app.lines.filter((each) => each['level'] === 'error' || each['level'] === 'warn')).toEqual([]);
  } finally {
    await connections.stop();
    await proxy.stop();
    await s3.stop();
  }
});

test('a file that vanishes in the middle breaks the transfer', async () => {
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const reader = await startReader(system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const lines = Array.from({ length: 100 }, (_, line) => `${line} `.padEnd(2047, 'x'));
    const keys = await putMerged(system, { pod: 'cut', files: [lines, ['the end']] });
    await system.store.deleteMany([{ key: keys[1] ?? '' }]);

    const response = await reader.get(logPath('cut'));
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    const line = await reader.app.line('request');
    expect(line).toMatchObject({ level: 'warn', status: 200, broken: true, errorCode: 'log_file_missing' });
    expect(line['errorMessage']).toContain(keys[1]);
    expect(await reader.metric('cordwood_http_errors_total', { code: 'log_file_missing', broken: 'true' })).toBe(1);

    // Without chunks only the way in which the connection ends can tell.
    const socket = connect(Number(new URL(reader.url).port), '127.0.0.1');
    socket.write(`GET ${logPath('cut')} HTTP/1.0\r\n\r\n`);
    await expect(socket.toArray()).rejects.toMatchObject({ code: 'ECONNRESET' });
  } finally {
    await proxy.stop();
  }
});

test('a merged file that has lost records: what is left is sent, and the transfer broken off', async () => {
  const reader = await startReader(system);
  const keys = await putMerged(system, { pod: 'hurt', files: [['one'], ['two', 'three'], ['four']] });
  const bytes = await (await system.store.get(keys[1] ?? '')).bytes();
  await system.store.put(keys[1] ?? '', bytes.subarray(0, bytes.length - 12));
  const response = await reader.get(logPath('hurt'));
  expect(response.status).toBe(200);
  const received: string[] = [];
  const all = async () => {
    for await (const chunk of response.body ?? []) received.push(Buffer.from(chunk).toString());
  };
  await expect(all()).rejects.toThrow('terminated');
  expect(received.join('')).toMatch(/^one\n.*four\n$/s);
  const line = await reader.app.line('request');
  expect(line).toMatchObject({ level: 'warn', status: 200, broken: true, errorCode: 'log_damaged' });
  expect(line['errorMessage']).toContain(keys[1]);
});

test('S3 that goes away in the middle breaks the transfer; a connection that breaks is resumed', async () => {
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    const reader = await startReader(system, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    const { keys, size } = await putLargeLog('large');
    const match = ({ url }: { url: string }) => url.includes(keys[3] ?? '');
    proxy.add({ match, fault: { resetAfter: 5000 } });
    expect(await reader.bytes(logPath('large'))).toHaveLength(size);

    proxy.clear();
    proxy.add({ match, fault: { resetAfter: 5000 }, times: 1 });
    proxy.add({ match, fault: { refuse: true }, times: Infinity });
    const response = await reader.get(logPath('large'));
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(await reader.app.line('request', (line) => line['broken'] === true)).toMatchObject({
      errorCode: 'storage_unavailable',
    });
  } finally {
    await proxy.stop();
  }
});

test('SIGTERM lets a stream that moves finish', async () => {
  const reader = await startReader(system);
  const { size } = await putLargeLog('large');
  const response = await open(reader, 'large');
  reader.app.kill('SIGTERM');
  await reader.app.line('shutting down');
  let received = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length;
  expect(received).toBe(size);
  expect(await reader.app.ended).toBe(0);
});
