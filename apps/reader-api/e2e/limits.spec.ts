import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { eventually, startFaultProxy, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, noStreamIsOpen, putMerged, type Reader, startReader } from './harness.ts';
import { AUDIENCE, startOidcIssuer } from './oidc-issuer.ts';

/** How much one client may ask for. */

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  await putMerged(system, { pod: 'small', files: [['line']] });
  // More than the connection and the kernel hold.
  const message = 'x'.repeat(1024);
  const file = Array.from({ length: 8 * 1024 }, () => message);
  await putMerged(system, { pod: 'large', files: Array.from({ length: 8 }, () => file) });
});
afterAll(() => system.close());

/** A log that is being sent, and of which nothing is taken for now. */
async function open(reader: Reader, job: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(`${reader.url}${logPath(job)}`, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // A reset is what some of these tests wait for.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  return response.pause();
}

describe('RATE_LIMIT', () => {
  test('429 with Retry-After beyond it; probes and metrics are not counted', async () => {
    const reader = await startReader(system, { RATE_LIMIT: '5' });
    for (let n = 4; n >= 0; n--) {
      const response = await reader.get('/api/v1/jobs');
      expect(response.status).toBe(200);
      expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=5;w=60');
      expect(response.headers.get('ratelimit')).toMatch(new RegExp(`^"requests";r=${n};t=\\d+$`));
    }
    const refused = await reader.get(logPath('small'));
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(refused.headers.get('ratelimit')).toContain('r=0');
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: 'too_many_requests' });
    for (const path of ['/healthz', '/metrics', '/ping', '/openapi.json']) {
      expect((await reader.get(path)).status).toBe(200);
    }
    expect((await reader.get('/readyz')).status).not.toBe(429);
  });

  test('X-Forwarded-For is looked at only behind proxies, and only at what these wrote', async () => {
    const via = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
    const direct = await startReader(system, { RATE_LIMIT: '2' });
    const statuses = [];
    for (let n = 1; n <= 3; n++) statuses.push((await direct.get('/api/v1/jobs', via(`10.0.0.${n}`))).status);
    expect(statuses).toEqual([200, 200, 429]);

    const behind = await startReader(system, { RATE_LIMIT: '2', TRUST_PROXY: '1' });
    const ask = async (address: string) => (await behind.get('/api/v1/jobs', via(address))).status;
    expect([await ask('10.0.0.1'), await ask('10.0.0.1'), await ask('10.0.0.1')]).toEqual([200, 200, 429]);
    expect(await ask('10.0.0.2')).toBe(200);
    // What stands before is what the client claimed.
    expect(await ask('10.0.0.9, 10.0.0.1')).toBe(429);
    // One household's IPv6 addresses.
    expect([await ask('2001:db8::1'), await ask('2001:db8::2'), await ask('2001:db8::3')]).toEqual([200, 200, 429]);
  });

  test('by user, wherever they come from; and by address for those who are nobody', async () => {
    const issuer = await startOidcIssuer();
    try {
      const reader = await startReader(system, {
        AUTH_MODE: 'oidc',
        HOST: '127.0.0.1',
        OIDC_ISSUER: issuer.url,
        OIDC_AUDIENCE: AUDIENCE,
        RATE_LIMIT: '3',
        TRUST_PROXY: '1',
      });
      const ask = async (token: string, address: string) =>
        (
          await reader.get('/api/v1/jobs', {
            headers: { Authorization: `Bearer ${token}`, 'X-Forwarded-For': address },
          })
        ).status;
      const one = await issuer.token({ sub: 'one' });
      const other = await issuer.token({ sub: 'other' });
      for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) expect(await ask(one, address)).toBe(200);
      expect(await ask(one, '10.0.0.4')).toBe(429);
      expect(await ask(other, '10.0.0.1')).toBe(200);
      for (let n = 0; n < 3; n++) expect(await ask(`wrong-${n}`, '10.0.0.1')).toBe(401);
      // Trying tokens does not go on, and it does not show whether one would have been good. One that was good already goes on.
      expect(await ask('wrong-again', '10.0.0.1')).toBe(429);
      expect(await ask(await issuer.token({ sub: 'another' }), '10.0.0.1')).toBe(429);
      expect(await ask(other, '10.0.0.1')).toBe(200);
      expect(await ask('wrong-elsewhere', '10.0.0.5')).toBe(401);
    } finally {
      await issuer.stop();
    }
  });
});

describe('streams', () => {
  test('so many for one client, so many in all; one that ends makes room', async () => {
    const reader = await startReader(system, { MAX_STREAMS: '3', MAX_STREAMS_PER_CLIENT: '2', TRUST_PROXY: '1' });
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    const streams = [await open(reader, 'large', from('10.0.0.1')), await open(reader, 'large', from('10.0.0.1'))];
    const own = await reader.get(logPath('small'), { headers: from('10.0.0.1') });
    expect(Number(own.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(own)).toMatchObject({ status: 429, code: 'too_many_streams' });
    // What is no stream.
    expect((await reader.get('/api/v1/jobs', { headers: from('10.0.0.1') })).status).toBe(200);
    expect((await reader.get(logPath('small'), { method: 'HEAD', headers: from('10.0.0.1') })).status).toBe(200);

    streams.push(await open(reader, 'large', from('10.0.0.2')));
    const all = await reader.get(logPath('small'), { headers: from('10.0.0.3') });
    expect(await errorOf(all)).toMatchObject({ status: 429, code: 'too_many_streams' });

    streams[0]?.destroy();
    await eventually('there is room again', async () => {
      const response = await reader.get(logPath('small'), { headers: from('10.0.0.1') });
      return response.status === 200 && (await response.text()) === 'line\n';
    });
    for (const stream of streams) stream.destroy();
    await noStreamIsOpen(reader);
    // Many after one another, each of which gives its place back.
    for (let n = 0; n < 10; n++) expect(await reader.text(logPath('small'))).toBe('line\n');
  });

  test.each([
    ['that takes what comes', true],
    ['that takes nothing any more', false],
  ])('MAX_STREAM_DURATION: the transfer to a client %s breaks off, and what it held is free', async (_, takes) => {
    const s3 = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
    try {
      // A busy machine may stall for seconds: what is to end in time has that much.
      const reader = await startReader(system, { MAX_STREAM_DURATION: '8s', AWS_ENDPOINT_URL_S3: s3.endpoint });
      // In the middle of the log S3 falls silent.
      if (takes) s3.add({ match: ({ url }) => url.includes('_4.gz'), fault: { stallAfter: 100 } });
      const stream = await open(reader, 'large');
      if (takes) stream.resume();
      const line = await reader.app.line('request', (each) => each['errorCode'] === 'stream_too_long');
      expect(line).toMatchObject({ broken: true });
      stream.resume();
      await eventually('it is closed', () => stream.closed);
      expect(stream.complete).toBe(false);
      await noStreamIsOpen(reader);
      expect(await reader.text(logPath('small'))).toBe('line\n');
    } finally {
      await s3.stop();
    }
  });

  test('IDLE_CLIENT_TIMEOUT: who takes nothing is cut off, who is slow is not', async () => {
    // Far longer than the pauses of who is slow, on a busy machine too.
    const reader = await startReader(system, { IDLE_CLIENT_TIMEOUT: '10s' });
    const cutOff = () => reader.app.lines.filter((each) => each['errorCode'] === 'client_idle');
    const slow = await open(reader, 'large');
    let taken = 0;
    const taking = setInterval(() => (taken += (slow.read() as Buffer | null)?.length ?? 0), 100);
    try {
      // Whoever is slow outlasts two that are idle, one after the other: by the reader's own clock, twice the time.
      for (const nth of [1, 2]) {
        const idle = connect(Number(new URL(reader.url).port), '127.0.0.1');
        const reset = once(idle, 'error') as Promise<[NodeJS.ErrnoException]>;
        idle.pause().write(`GET ${logPath('large')} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        await eventually('it is cut off', () => cutOff().length >= nth);
        idle.resume();
        expect((await reset)[0].code).toBe('ECONNRESET');
      }
    } finally {
      clearInterval(taking);
    }
    expect(cutOff()).toHaveLength(2);
    expect(cutOff()[0]).toMatchObject({ broken: true, route: '/api/v1/jobs/:job/log' });
    expect(taken).toBeGreaterThan(0);
    expect(slow.complete).toBe(false);
    expect(slow.destroyed).toBe(false);
    slow.destroy();
    await noStreamIsOpen(reader);
  });
});

describe('sizes', () => {
  test('a URL or headers that are too long', async () => {
    const reader = await startReader(system, { MAX_URL_SIZE: '2KiB', MAX_HEADER_SIZE: '4KiB' });
    const url = await reader.get(`/api/v1/jobs?prefix=${'x'.repeat(2048)}`);
    expect(await errorOf(url)).toMatchObject({ status: 414, code: 'url_too_long' });
    const headers = await reader.get('/api/v1/jobs', { headers: { 'X-Large': 'x'.repeat(5000) } });
    expect(await errorOf(headers)).toMatchObject({ status: 431, code: 'headers_too_large' });
    expect((await reader.get('/api/v1/jobs')).status).toBe(200);
  });
});
