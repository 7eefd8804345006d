import {
  type AppProcess,
  eventually,
  isClean,
  type PrivateRedis,
  putRaw,
  startFaultProxy,
  startPrivateRedis,
  startTestSystem,
  storedPod,
  type TestSystem,
} from '@cordwood/testkit';
import { afterEach, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';

let system: TestSystem;
let redis: PrivateRedis | undefined;
afterEach(async () => {
  await system.close();
  await redis?.dispose();
  redis = undefined;
});

const statusOf = async (app: AppProcess) => (await fetch(`${app.opsUrl}/readyz`)).status;
const untilReadiness = (app: AppProcess, status: number) =>
  eventually(`/readyz says ${status}`, async () => (await statusOf(app)) === status);

test('S3 away at start and later: 503, then on by itself', async () => {
  system = await startTestSystem();
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  await system.stopS3();
  const apps = [await system.start('compactor-worker'), await system.start('cleanup-worker')];
  for (const app of apps) {
    await app.line('not ready, will retry');
    expect(await statusOf(app)).toBe(503);
    expect((await fetch(`${app.opsUrl}/healthz`)).status).toBe(200);
  }
  await system.startS3();
  for (const app of apps) await untilReadiness(app, 200);
  await eventually('merged', async () => (await storedPod(system, 'p')) !== undefined);

  await system.stopS3();
  for (const app of apps) await untilReadiness(app, 503);
  await system.startS3();
  for (const app of apps) await untilReadiness(app, 200);
  await putRaw(system.store, { pod: 'p', index: 1, messages: ['two'] });
  await eventually('merged again', async () => (await storedPod(system, 'p'))?.messages.length === 2);
  await eventually('clean', () => isClean(system, 'p'));
  expect((await storedPod(system, 'p'))?.messages).toEqual(['one', 'two']);
});

test('Redis away at start and later: 503, then on by itself', async () => {
  redis = await startPrivateRedis();
  system = await startTestSystem({ redisUrl: redis.url });
  await redis.stop();
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  const apps = [await system.start('compactor-worker'), await system.start('cleanup-worker')];
  for (const app of apps) await untilReadiness(app, 503);
  await redis.start();
  for (const app of apps) await untilReadiness(app, 200);
  await eventually('merged', async () => (await storedPod(system, 'p')) !== undefined);

  await redis.kill();
  for (const app of apps) await untilReadiness(app, 503);
  await putRaw(system.store, { pod: 'p', index: 1, messages: ['two'] });
  // It comes back without anything that it held.
  await redis.start({ empty: true });
  for (const app of apps) await untilReadiness(app, 200);
  await eventually('merged again', async () => (await storedPod(system, 'p'))?.messages.length === 2);
  await eventually('clean', () => isClean(system, 'p'));
  expect((await storedPod(system, 'p'))?.messages).toEqual(['one', 'two']);
});

test('SIGTERM while a job hangs: the job goes back, exit code 0 within SHUTDOWN_TIMEOUT', async () => {
  // A part of it is for handing the job back: longer than a busy machine stalls.
  const [SHUTDOWN_TIMEOUT, inMs] = ['16s', 16_000];
  system = await startTestSystem();
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    proxy.add({
      match: ({ method, url }) => method === 'GET' && url.includes('/metadata/p.json'),
      fault: { before: () => new Promise(() => undefined) },
      times: Infinity,
    });
    await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
    const stuck = await system.start('compactor-worker', {
      AWS_ENDPOINT_URL_S3: proxy.endpoint,
      SHUTDOWN_TIMEOUT,
    });
    await eventually('the job hangs', () => proxy.requests.some(({ url }) => url.includes('/metadata/p.json')));
    stuck.kill('SIGTERM');
    expect(await stuck.ended).toBe(0);
    expect(stuck.lines.find((line) => line['message'] === 'shutting down')).toMatchObject({ timeoutMs: inMs });
    expect(stuck.lines.at(-1)).toMatchObject({ message: 'stopped', ok: true });

    // Nobody has to wait until its lock ends.
    expect(await activeJobs()).toBe(0);
    await system.start('compactor-worker');
    await eventually('another takes it up', async () => (await storedPod(system, 'p')) !== undefined);
  } finally {
    await proxy.stop();
  }
});

async function activeJobs(): Promise<number> {
  const url = new URL(system.env['REDIS_URL'] ?? '');
  const queue = new Queue('compaction', {
    connection: { host: url.hostname, port: Number(url.port) },
    prefix: system.env['QUEUE_PREFIX'] ?? '',
  });
  try {
    return await queue.getActiveCount();
  } finally {
    await queue.close();
  }
}

test('a wrong environment is all told at once', async () => {
  system = await startTestSystem();
  const app = await system.start('compactor-worker', { SCAN_INTERVAL: 'often', ORPHAN_AGE: '-1' });
  expect(await app.ended).toBe(1);
  expect(app.lines).toEqual([]);
});
