import { eventually, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { errorOf, logPath, startReader } from './harness.ts';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

test('S3 goes away and comes back', async () => {
  await putRaw(system.store, { pod: 'job', index: 0, messages: ['one'] });
  const reader = await startReader(system);
  expect(await reader.text(logPath('job'))).toBe('one\n');
  await eventually('ready', async () => (await reader.get('/readyz')).status === 200);

  await system.stopS3();
  for (const path of [logPath('job'), '/api/v1/jobs', '/api/v1/jobs/job']) {
    const response = await reader.get(path);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'storage_unavailable' });
  }
  await eventually('not ready', async () => (await reader.get('/readyz')).status === 503);
  expect((await reader.get('/healthz')).status).toBe(200);
  expect(await (await reader.get('/readyz')).json()).toMatchObject({
    status: 'unavailable',
    checks: { s3: { ok: false } },
  });

  await system.startS3();
  await eventually('ready again', async () => (await reader.get('/readyz')).status === 200);
  expect(await reader.text(logPath('job'))).toBe('one\n');
});

test('the reader starts while S3 is away, and serves when it is there', async () => {
  await putRaw(system.store, { pod: 'job', index: 0, messages: ['one'] });
  await system.stopS3();
  const reader = await startReader(system);
  expect((await reader.get('/healthz')).status).toBe(200);
  expect((await reader.get('/readyz')).status).toBe(503);
  expect(await reader.text('/ping')).toBe('Pong');
  await system.startS3();
  await eventually('ready', async () => (await reader.get('/readyz')).status === 200);
  expect(await reader.text(logPath('job'))).toBe('one\n');
});
