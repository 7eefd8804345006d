import { request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import { networkInterfaces } from 'node:os';
import { eventually, startPrivateRedis, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { breakPod, type Dashboard, mendPod, startDashboard, startTroubledSystem, untilFailed } from './harness.ts';

/** What may be changed, by whom, over plain HTTP: whatever the page shows. */

/** As bull-board itself has them. */
const { appRoutes } = createRequire(import.meta.url)('@bull-board/api/dist/routes') as {
  readonly appRoutes: { readonly api: readonly { readonly method: string; readonly route: string }[] };
};
const changing = appRoutes.api
  .filter(({ method }) => method !== 'get')
  .map(({ method, route }) => {
    const path = route
      .replace(':queueName', 'compaction')
      .replace(':jobId', 'compact-poison')
      .replace(':queueStatus', 'failed')
      .replace(':schedulerId', 'scan');
    return [method.toUpperCase(), path] as const;
  });

const RETRY = '/api/queues/compaction/compact-poison/retry';
let system: TestSystem;
beforeAll(async () => void (system = await startTroubledSystem()));
afterAll(() => system.close());

/** Sends headers that fetch() keeps for itself. */
function send(dashboard: Dashboard, method: string, path: string, headers: Record<string, string>): Promise<number> {
  const url = new URL(dashboard.url + path);
  return new Promise((resolve, reject) => {
    httpRequest(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('read-only, the default', () => {
  let dashboard: Dashboard;
  beforeAll(async () => void (dashboard = await startDashboard(system)));

  test('there is something to change, and many ways to', () => {
    expect(changing.length).toBeGreaterThan(20);
  });

  test.each(changing)('%s %s is refused', async (method, path) => {
    const response = await dashboard.request(path, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: 'compact',
        data: { pod: 'x' },
        options: {},
        jobData: {},
        concurrency: 1,
        force: true,
      }),
    });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await dashboard.stateOf('compaction', 'compact-poison')).toBe('failed');
  });

  test.each(['DELETE', 'OPTIONS', 'PROPFIND'])('%s is refused anywhere', async (method) => {
    expect((await dashboard.request('/', { method })).status).toBe(405);
  });

  test('a method that is said to be another one is still itself', async () => {
    const headers = { 'X-HTTP-Method-Override': 'PUT' };
    expect((await dashboard.request(`${RETRY}?_method=PUT`, { headers })).status).toBe(404);
    expect((await dashboard.request(RETRY, { method: 'POST', headers })).status).toBe(405);
    expect(await dashboard.stateOf('compaction', 'compact-poison')).toBe('failed');
  });

  test('queues, and what became of jobs, can be seen', async () => {
    const answer = await dashboard.request('/api/queues?activeQueue=compaction&status=latest&page=1&jobsPerPage=10');
    const { queues } = (await answer.json()) as {
      readonly queues: readonly {
        readonly name: string;
        readonly readOnlyMode: boolean;
        readonly jobs: { name: string }[];
      }[];
    };
    expect(queues.map(({ name, readOnlyMode }) => [name, readOnlyMode])).toEqual([
      ['scan', true],
      ['compaction', true],
      ['cleanup', true],
      ['sweep', true],
    ]);
    const names = queues[1]?.jobs.map(({ name }) => name);
    expect(names).toEqual([
      expect.stringMatching(
        /^compact jobs\/poison: failed with 1 raw file \(\d+ B\) .*metadata\/poison\.json is not JSON/,
      ),
      expect.stringMatching(/^compact jobs\/fine: merged 1 raw file \(\d+ B, 2 records\) in /),
    ]);
  });
});

describe('where nobody is asked who they are', () => {
  let dashboard: Dashboard;
  beforeAll(async () => void (dashboard = await startDashboard(system, { DASHBOARD_MODE: 'operator' })));

  test('only this machine is listened to, under its own name', async () => {
    expect(await send(dashboard, 'GET', '/', { Host: 'rebound.example' })).toBe(403);
    expect(await send(dashboard, 'GET', '/', { Host: `localhost:${dashboard.port}` })).toBe(200);
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    for (const { address } of addresses.filter(({ family, internal }) => family === 'IPv4' && !internal)) {
      await expect(fetch(`http://${address}:${dashboard.port}/`)).rejects.toThrow('fetch failed');
    }
  });

  test('requests of other sites change nothing', async () => {
    const here = `http://127.0.0.1:${dashboard.port}`;
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
      { 'Sec-Fetch-Site': 'same-site', Origin: here },
      { Origin: 'https://evil.example' },
      { Origin: 'http://127.0.0.1:1' },
      { Origin: 'null' },
    ]) {
      expect([headers, await send(dashboard, 'PUT', RETRY, headers)]).toEqual([headers, 403]);
    }
    expect(await dashboard.stateOf('compaction', 'compact-poison')).toBe('failed');
  });

  test('an operator retries a failed job, and that is written down', async () => {
    await breakPod(system, 'retried');
    await untilFailed(dashboard, 'retried');
    await mendPod(system, 'retried');
    const path = '/api/queues/compaction/compact-retried/retry';
    const origin = `http://127.0.0.1:${dashboard.port}`;
    expect(await send(dashboard, 'PUT', path, { Origin: origin })).toBe(204);
    await eventually('merged', async () => (await system.keys('data/retried/')).length > 0);
    expect(await dashboard.app.line('queues changed', (line) => line['status'] === 204)).toMatchObject({
      user: 'anonymous',
      method: 'PUT',
      path,
    });
    const metrics = await (await fetch(`${dashboard.app.opsUrl}/metrics`)).text();
    expect(metrics).toContain('cordwood_dashboard_actions_total{action="retry",status="204",app="queue-dashboard"} 1');
    expect(metrics).toMatch(/^cordwood_http_requests_total\{.*status="403"/m);
  });
});

test('below BASE_PATH, and nowhere else', async () => {
  const dashboard = await startDashboard(system, { BASE_PATH: '/ops/queues' });
  const page = await dashboard.request('/queue/compaction');
  expect(page.status).toBe(200);
  expect(await page.text()).toContain('<base href="/ops/queues/" />');
  expect((await dashboard.request('/static/images/logo.svg')).status).toBe(200);
  for (const path of ['/', '/api/queues', '/ops', '/ops/queues-else', '/static/images/logo.svg']) {
    const { status } = await fetch(`http://127.0.0.1:${dashboard.port}${path}`);
    expect([path, status]).toEqual([path, 404]);
  }
});

test('the page allows nothing from elsewhere', async () => {
  const dashboard = await startDashboard(system);
  const { headers } = await dashboard.request('/');
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none';script-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/);
  expect([headers.get('x-powered-by'), headers.get('x-content-type-options')]).toEqual([null, 'nosniff']);
});

test('while Redis is away the page says so, and afterwards it goes on', async () => {
  const redis = await startPrivateRedis();
  const apart = await startTestSystem({ redisUrl: redis.url });
  try {
    const dashboard = await startDashboard(apart);
    const readyz = async () => (await fetch(`${dashboard.app.opsUrl}/readyz`)).status;
    await eventually('ready', async () => (await readyz()) === 200);
    await redis.stop();
    const away = await eventually('away', async () => {
      const response = await dashboard.request('/api/queues');
      return response.status === 503 && response;
    });
    expect(await away.json()).toMatchObject({ error: expect.stringContaining('Redis gives no answer') });
    await eventually('not ready', async () => (await readyz()) === 503);
    await redis.start({ empty: true });
    await eventually('back', async () => (await dashboard.request('/api/queues')).status === 200);
    dashboard.app.kill('SIGTERM');
    expect(await dashboard.app.ended).toBe(0);
  } finally {
    await apart.close();
    await redis.dispose();
  }
});
