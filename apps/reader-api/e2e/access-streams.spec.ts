import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type KubeApiDouble, startKubeApi, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { logPath, noStreamIsOpen, putMerged, type Reader, startReader } from './harness.ts';

/** Rights and limits of WebSockets and event streams: who opens one cannot always send headers, and it lasts. */

const TOKEN = 'token-of-somebody-0123456789abcdef';
const PROTOCOL = 'logs.apolo.us';
const inProtocol = (token: string) =>
  `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

let system: TestSystem;
let kube: KubeApiDouble;
let reader: Reader;
beforeAll(async () => {
  kube = await startKubeApi();
  kube.users.set(TOKEN, { username: 'somebody' });
  kube.rules.push({ user: 'somebody', verb: 'get', resource: 'pods', subresource: 'log', namespace: 'jobs' });
  system = await startTestSystem();
  await putMerged(system, { pod: 'job', files: [['line']] });
  await putMerged(system, { pod: 'other', namespace: 'others', files: [['secret']] });
  reader = await startReader(system, {
    AUTH_MODE: 'kubernetes',
    HOST: '127.0.0.1',
    KUBERNETES: 'kubeconfig',
    KUBECONFIG: await kube.kubeconfig(),
    LOG_LEVEL: 'debug',
    CORS_ORIGINS: 'https://jobs.example.com',
  });
});
afterAll(async () => {
  await system.close();
  await kube.stop();
});

interface Outcome {
  /** Of the answer, where no socket was opened. */
  readonly status?: number;
  readonly body?: string;
  readonly text?: string;
  readonly protocol?: string;
  readonly code?: number;
  readonly reason?: string;
}

interface Opening {
  readonly query?: string;
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly at?: Reader;
}

/** Opens a WebSocket on a job's log, and hears it to its end. */
async function listen(
  job: string,
  { query = '', protocols = [], headers = {}, at = reader }: Opening,
): Promise<Outcome> {
  const url = `${at.url.replace('http', 'ws')}/api/v1/jobs/${job}/log_ws?${query}`;
  const socket = new WebSocket(url, [...protocols], { headers });
  const refused = new Promise<Outcome>((resolve) => {
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
  });
  const messages: Buffer[] = [];
  socket.on('message', (data: Buffer) => messages.push(data));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close').then(([code, reason]) => ({
    text: Buffer.concat(messages).toString(),
    protocol: socket.protocol,
    code: code as number,
    reason: String(reason),
  }));
  return Promise.race([refused, closed]);
}

describe('a WebSocket’s token', () => {
  test.each<[string, Opening]>([
    ['in the header', { headers: { Authorization: `Bearer ${TOKEN}` }, protocols: [PROTOCOL] }],
    ['in the query', { query: `access_token=${TOKEN}`, protocols: [PROTOCOL] }],
    ['among the subprotocols', { protocols: [inProtocol(TOKEN), PROTOCOL] }],
  ])('%s', async (_, opening) => {
    expect(await listen('job', opening)).toMatchObject({ text: 'line\n', code: 1000, protocol: PROTOCOL });
    expect(await listen('other', opening)).toMatchObject({ status: 403 });
    expect(await listen('none', opening)).toMatchObject({ status: 403 });
  });

  test.each<[string, Opening, number]>([
    ['none', {}, 401],
    ['a wrong one', { query: 'access_token=wrong' }, 401],
    ['a wrong one among the subprotocols', { protocols: [inProtocol('wrong'), PROTOCOL] }, 401],
    ['alone among the subprotocols', { protocols: [inProtocol(TOKEN)] }, 400],
    ['two of them', { query: `access_token=${TOKEN}`, headers: { Authorization: `Bearer ${TOKEN}` } }, 400],
  ])('%s: refused before the socket opens', async (_, opening, status) => {
    expect(await listen('job', opening)).toMatchObject({ status });
  });

  test('is found nowhere in what the process says', async () => {
    const metrics = await (await reader.get('/metrics')).text();
    for (const text of [metrics, reader.app.output]) {
      expect(text).not.toContain('token-of-');
      expect(text).not.toContain(Buffer.from(TOKEN).toString('base64url').slice(0, 20));
    }
  });
});

test('pages of foreign origins open none', async () => {
  const opening = (origin: string) => ({ query: `access_token=${TOKEN}`, headers: { Origin: origin } });
  expect(await listen('job', opening('https://evil.example'))).toMatchObject({
    status: 403,
    body: expect.stringContaining('origin_not_allowed'),
  });
  for (const origin of ['https://jobs.example.com', reader.url]) {
    expect(await listen('job', opening(origin))).toMatchObject({ text: 'line\n' });
  }
});

test('a client for which there is nothing to send is not idle', async () => {
  const container = kube.createPod({ name: 'quiet' }).container();
  container.write('early');
  const patient = await startReader(system, {
    KUBERNETES: 'kubeconfig',
    KUBECONFIG: await kube.kubeconfig(),
    IDLE_CLIENT_TIMEOUT: '1s',
  });
  const left = new AbortController();
  const response = await patient.get(logPath('quiet', { follow: 'true' }), { signal: left.signal });
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes('late\n')) break;
    }
  })();
  await eventually('the first line is there', () => text.includes('early'));
  // Longer than the timeout, however it is counted.
  await delay(3_000);
  container.write('late');
  await reading;
  expect(text.endsWith('late\n')).toBe(true);
  left.abort();
});

describe('what lasts too long', () => {
  let limited: Reader;
  beforeAll(async () => {
    // A pod that runs: who follows waits.
    kube.createPod({ name: 'runs' }).container().write('live');
    limited = await startReader(system, {
      KUBERNETES: 'kubeconfig',
      KUBECONFIG: await kube.kubeconfig(),
      // A busy machine may stall for seconds: what is to come before the end has that much.
      MAX_STREAM_DURATION: '8s',
      MAX_STREAMS_PER_CLIENT: '1',
    });
  });

  // A client hears of its stream's end before the server knows that the connection is closed.
  beforeEach(() => noStreamIsOpen(limited));

  test('a WebSocket is closed with a reason, and counts as a stream', async () => {
    const outcomes = [await listen('runs', { at: limited })];
    await noStreamIsOpen(limited);
    outcomes.push(await listen('job', { at: limited }));
    expect(outcomes[0]).toMatchObject({ text: expect.stringContaining('live'), code: 1008 });
    expect(outcomes[0]?.reason).toContain('stream_too_long');
    expect(outcomes[1]).toMatchObject({ text: 'line\n', code: 1000 });
    await noStreamIsOpen(limited);
    const both = await Promise.all([listen('runs', { at: limited }), listen('runs', { at: limited })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([429, undefined]);
  });

  test('an event stream ends with an event that tells why', async () => {
    const response = await limited.get(logPath('runs', { follow: 'true' }), {
      headers: { Accept: 'text/event-stream' },
    });
    const text = await response.text();
    expect(text).toContain('live');
    const [, data = ''] = /^event: end\ndata: (.*)$/.exec(text.trimEnd().split('\n\n').at(-1) ?? '') ?? [];
    expect(JSON.parse(data)).toEqual({
      reason: 'stream_too_long',
      message: expect.stringContaining('MAX_STREAM_DURATION'),
    });
  });

  test('a text that is followed breaks off', async () => {
    const response = await limited.get(logPath('runs', { follow: 'true' }));
    await expect(response.text()).rejects.toThrow();
  });
});
