import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { basic, type Dashboard, startDashboard } from './harness.ts';

const PASSWORD = 'correct horse battery';
let system: TestSystem;
let dir: string;
beforeAll(async () => {
  system = await startTestSystem();
  dir = await mkdtemp(join(tmpdir(), 'cordwood-dashboard-'));
});
afterAll(async () => {
  await system.close();
  await rm(dir, { recursive: true, force: true });
});

const start = (env: Readonly<Record<string, string>> = {}): Promise<Dashboard> =>
  startDashboard(system, {
    AUTH_MODE: 'basic',
    HOST: '127.0.0.1',
    BASIC_AUTH_PASSWORD: PASSWORD,
    DASHBOARD_MODE: 'operator',
    ...env,
  });

test('who knows the password is let in, and nobody else, to anything', async () => {
  const dashboard = await start({ SIGN_IN_LIMIT: 'off' });
  const status = async (path: string, headers: Record<string, string>, method = 'GET') =>
    (await dashboard.request(path, { headers, method })).status;
  for (const path of ['/', '/api/queues', '/static/images/logo.svg', '/queue/compaction', '/nothing/here']) {
    const asked = await dashboard.request(path);
    expect([path, asked.status]).toEqual([path, 401]);
    expect(asked.headers.get('www-authenticate')).toBe('Basic realm="Cordwood queues", charset="UTF-8"');
    expect(await status(path, basic('operator', `${PASSWORD}!`))).toBe(401);
    expect(await status(path, basic('admin', PASSWORD))).toBe(401);
    expect(await status(path, { Authorization: `Bearer ${PASSWORD}` })).toBe(401);
  }
  expect(await status('/api/queues/pause', {}, 'PUT')).toBe(401);
  expect(await status('/', basic('operator', PASSWORD))).toBe(200);
  expect(await status('/api/queues', basic('operator', PASSWORD))).toBe(200);
  expect(await status('/api/queues/pause', basic('operator', PASSWORD), 'PUT')).toBe(200);
  expect(await status('/api/queues/resume', basic('operator', PASSWORD), 'PUT')).toBe(200);
  // Cached by the browser, the password comes with whatever page sends requests here.
  const foreign = { ...basic('operator', PASSWORD), Origin: 'https://evil.example' };
  expect(await status('/api/queues/pause', foreign, 'PUT')).toBe(403);
  expect(dashboard.app.output).not.toContain(PASSWORD);
});

test('who guesses has to wait, even with the right password', async () => {
  const dashboard = await start({ SIGN_IN_LIMIT: '3' });
  const attempt = async (password: string) => dashboard.request('/', { headers: basic('operator', password) });
  // Not to have signed in yet is no guess.
  for (let times = 0; times < 5; times++) expect((await dashboard.request('/')).status).toBe(401);
  expect((await attempt(PASSWORD)).status).toBe(200);
  for (let times = 0; times < 3; times++) expect((await attempt(`guess ${times}`)).status).toBe(401);
  const refused = await attempt(PASSWORD);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const metrics = await (await fetch(`${dashboard.app.opsUrl}/metrics`)).text();
  expect(metrics).toContain('cordwood_dashboard_failed_sign_ins_total{app="queue-dashboard"} 3');
  // Who asks from elsewhere is not held up; where no proxy is trusted, nobody can say so.
  const forwarded = { ...basic('operator', PASSWORD), 'X-Forwarded-For': '203.0.113.7' };
  expect((await dashboard.request('/', { headers: forwarded })).status).toBe(429);
});

test('behind a proxy, addresses are those that it names', async () => {
  const dashboard = await start({ SIGN_IN_LIMIT: '1', TRUST_PROXY: '1' });
  const from = async (address: string, password: string) =>
    (await dashboard.request('/', { headers: { ...basic('operator', password), 'X-Forwarded-For': address } })).status;
  expect(await from('203.0.113.7', 'a wrong one')).toBe(401);
  expect(await from('203.0.113.7', PASSWORD)).toBe(429);
  // What stands before the last address, whoever asks wrote.
  expect(await from('198.51.100.1, 203.0.113.7', PASSWORD)).toBe(429);
  expect(await from('203.0.113.8', PASSWORD)).toBe(200);
});

test('the password may stand in a file', async () => {
  const file = join(dir, 'password');
  await writeFile(file, `${PASSWORD}\n`);
  const dashboard = await start({ BASIC_AUTH_PASSWORD: '', BASIC_AUTH_PASSWORD_FILE: file, BASIC_AUTH_USER: 'ops' });
  expect((await dashboard.request('/', { headers: basic('ops', PASSWORD) })).status).toBe(200);
});

test.each([
  [{ BASIC_AUTH_PASSWORD: 'short' }, 'at least 12 are needed'],
  [{ BASIC_AUTH_PASSWORD: '', BASIC_AUTH_PASSWORD_FILE: '/no/such/file' }, 'no such file'],
])('with %j it does not start', async (env, message) => {
  const app = await system.start('queue-dashboard', { PORT: '0', AUTH_MODE: 'basic', ...env });
  expect(await app.ended).toBe(1);
  expect(app.output).toContain(message);
});
