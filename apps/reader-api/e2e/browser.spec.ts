import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { logPath, putMerged, type Reader, startReader } from './harness.ts';

/** What pages of other origins, and other machines, may do. */

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  await putMerged(system, { pod: 'job', files: [['line']] });
});
afterAll(() => system.close());

const FRONT_END = 'https://jobs.example.com';
const from = (origin: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), Origin: origin },
});
const preflight = (origin: string, method = 'GET'): RequestInit =>
  from(origin, {
    method: 'OPTIONS',
    headers: { 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'authorization' },
  });

describe('CORS_ORIGINS', () => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await startReader(system, { CORS_ORIGINS: `${FRONT_END},http://localhost:3000` });
  });

  test.each([FRONT_END, 'http://localhost:3000'])('%s: named, so allowed', async (origin) => {
    for (const method of ['GET', 'DELETE']) {
      const asked = await reader.get(logPath('job'), preflight(origin, method));
      expect(asked.status).toBe(204);
      expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
      expect(asked.headers.get('access-control-allow-methods')).toContain(method);
      expect(asked.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
      expect(asked.headers.get('access-control-allow-credentials')).toBe('true');
    }
    for (const path of [logPath('job'), logPath('none'), '/nothing', '/api/v1/jobs?x=1']) {
      const { headers } = await reader.get(path, from(origin));
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('vary')).toContain('Origin');
      const exposed = headers.get('access-control-expose-headers')?.split(',');
      for (const name of [
        'X-Next-Cursor',
        'X-Separator',
        'X-Container',
        'X-Namespace',
        'X-Log-Deleted-Until',
        'Retry-After',
      ]) {
        expect(exposed).toContain(name);
      }
    }
  });

  test.each(['https://evil.example', 'https://jobs.example.com.evil.example', 'http://jobs.example.com', 'null'])(
    '%s: not named, so not allowed',
    async (origin) => {
      for (const init of [preflight(origin), from(origin)]) {
        const { headers } = await reader.get(logPath('job'), init);
        expect(headers.get('access-control-allow-origin')).toBeNull();
      }
    },
  );

  test('*: all, without credentials', async () => {
    const open = await startReader(system, { CORS_ORIGINS: '*' });
    const { headers } = await open.get(logPath('job'), from('https://any.example'));
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  test('unset: none', async () => {
    const closed = await startReader(system);
    const { headers, status } = await closed.get(logPath('job'), preflight(FRONT_END));
    expect(status).toBe(405);
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

test('answers tell browsers that nothing foreign belongs to them', async () => {
  const reader = await startReader(system);
  for (const path of [logPath('job'), '/api/v1/jobs', '/nothing', '/docs/']) {
    const { headers } = await reader.get(path);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|\*/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

describe('who can reach it', () => {
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  /** Addresses of this machine that are not loopback: none in a sandbox without a network. */
  const outward = interfaces
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
  /** Those of the loopback interface. */
  const inward = interfaces
    .map(({ address }) => address)
    .filter((address) => address === '127.0.0.1' || address === '::1');
  /** Those at which somebody listens. */
  const reached = async (addresses: readonly string[], { url }: Reader): Promise<string[]> => {
    const found: string[] = [];
    for (const address of addresses) {
      const socket = connect(Number(new URL(url).port), address);
      const isThere = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      if (isThere) found.push(address);
      socket.destroy();
    }
    return found;
  };

  test('without AUTH_MODE this machine alone', async () => {
    const reader = await startReader(system);
    expect(await reached(inward, reader)).toEqual(inward);
    expect(await reached(outward, reader)).toEqual([]);
    for (const address of inward) {
      const host = address.includes(':') ? `[${address}]` : address;
      const response = await fetch(`http://${host}:${new URL(reader.url).port}${logPath('job')}`);
      expect(await response.text()).toBe('line\n');
    }
    reader.app.kill('SIGTERM');
    expect(await reader.app.ended).toBe(0);
  });

  test('with AUTH_MODE=none whoever can', async () => {
    const reader = await startReader(system, { AUTH_MODE: 'none' });
    expect(await reached([...inward, ...outward], reader)).toEqual([...inward, ...outward]);
    const one = await startReader(system, { AUTH_MODE: 'none', HOST: '127.0.0.1' });
    expect(await reached([...inward, ...outward], one)).toEqual(['127.0.0.1']);
  });

  test.each([
    [{ HOST: '0.0.0.0' }, 'HOST holds "0.0.0.0": 127.0.0.1, ::1 or localhost is allowed while AUTH_MODE is not set'],
    [{ HOST: '::' }, 'HOST holds "::"'],
    [{ AUTH_MODE: 'off' }, 'AUTH_MODE holds "off": none, kubernetes or oidc is allowed'],
    [{ AUTH_MODE: 'oidc' }, 'OIDC_ISSUER is not set: a value is needed with AUTH_MODE=oidc'],
    [{ AUTH_MODE: 'oidc', OIDC_ISSUER: 'https://a.example' }, 'OIDC_AUDIENCE is not set'],
    [
      { AUTH_MODE: 'oidc', OIDC_ISSUER: 'a.example', OIDC_AUDIENCE: 'x' },
      'OIDC_ISSUER holds "a.example": a URL such as',
    ],
    [{ CORS_ORIGINS: 'jobs.example.com' }, 'CORS_ORIGINS holds "jobs.example.com": * or origins such as'],
    [{ CORS_ORIGINS: 'https://a.example/' }, 'CORS_ORIGINS holds'],
    [{ RATE_LIMIT: '0' }, 'RATE_LIMIT holds "0": a whole number, at least 1, or off is allowed'],
  ] as readonly [Record<string, string>, string][])('%j: refuses to start', async (env, message) => {
    const app = await system.start('reader-api', { PORT: '0', ...env });
    expect(await app.ended).toBe(1);
    expect(app.output).toContain(message);
  });

  test('AUTH_MODE=kubernetes without Kubernetes: refuses to start', async () => {
    const app = await system.start('reader-api', { PORT: '0', AUTH_MODE: 'kubernetes' });
    expect(await app.ended).toBe(1);
    expect(app.output).toContain('AUTH_MODE=kubernetes needs Kubernetes');
  });
});

describe('a page whose name was given the address of this machine', () => {
  /** What a browser sends for a page of this host: DNS rebinding makes it reach us. */
  const ask = async (
    { url }: Reader,
    host: string,
    { path = logPath('job'), method = 'GET' } = {},
  ): Promise<{ readonly status: number | undefined; readonly body: string }> => {
    const sent = request(url + path, { method, headers: { Host: host, Origin: `http://${host}` }, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  };
  /** The status of a handshake that is refused, undefined of one that is not. */
  const handshake = async ({ url }: Reader, host: string): Promise<number | undefined> => {
    const path = logPath('job').replace('/log?', '/log_ws?');
    const socket = new WebSocket(url.replace('http', 'ws') + path, {
      headers: { Host: host, Origin: `http://${host}` },
    });
    socket.on('error', () => undefined);
    const status = await Promise.race([
      once(socket, 'open').then(() => undefined),
      once(socket, 'unexpected-response').then(([, response]) => (response as IncomingMessage).statusCode),
    ]);
    socket.terminate();
    return status;
  };
  const FOREIGN = ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'];

  test('without AUTH_MODE nothing is there for it, be it asked for in any way', async () => {
    const reader = await startReader(system);
    for (const host of FOREIGN) {
      const { status, body } = await ask(reader, host);
      expect([host, status, JSON.parse(body)]).toEqual([
        host,
        403,
        { error: { code: 'host_not_allowed', message: expect.stringContaining('without AUTH_MODE only localhost') } },
      ]);
      expect(await handshake(reader, host)).toBe(403);
    }
    for (const path of ['/api/v1/jobs', '/metrics', '/ping', '/docs/', '/nothing']) {
      expect((await ask(reader, 'evil.example', { path })).status).toBe(403);
    }
    expect(
      (await ask(reader, 'evil.example', { method: 'DELETE', path: `${logPath('job')}namespace=jobs` })).status,
    ).toBe(403);
    const kube = await ask(reader, 'evil.example', { path: '/kube/api/v1/namespaces/jobs/pods' });
    expect(JSON.parse(kube.body)).toMatchObject({ kind: 'Status', reason: 'Forbidden', code: 403 });
    expect(await reader.text(logPath('job'))).toBe('line\n');
  });

  test('this machine is answered by each of its names, whatever port was forwarded', async () => {
    const reader = await startReader(system);
    for (const host of ['localhost', 'localhost:1234', '127.0.0.1', '127.0.0.1:8000', '[::1]', '[::1]:8080']) {
      expect([host, await ask(reader, host)]).toEqual([host, { status: 200, body: 'line\n' }]);
      expect([host, await handshake(reader, host)]).toEqual([host, undefined]);
    }
    expect((await ask(reader, 'LocalHost:80')).status).toBe(200);
  });

  test('with AUTH_MODE the host does not matter', async () => {
    const reader = await startReader(system, { AUTH_MODE: 'none', HOST: '127.0.0.1' });
    expect(await ask(reader, 'logs.example.com')).toEqual({ status: 200, body: 'line\n' });
    expect(await handshake(reader, 'logs.example.com')).toBeUndefined();
  });
});
