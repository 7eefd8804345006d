import { eventually, isClean, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allows, objectArn, policyOf, startPolicyProxy } from './policies.ts';

let system: TestSystem;
const stops: (() => Promise<void>)[] = [];
const refused: string[] = [];
beforeAll(async () => void (system = await startTestSystem()));
afterAll(async () => {
  await system.close();
  for (const stop of stops) await stop();
});

/** Starts an app that may do what its policy says and no more. */
async function startWithin(app: string, env: Readonly<Record<string, string>> = {}) {
  const proxy = await startPolicyProxy({
    endpoint: system.env['AWS_ENDPOINT_URL_S3'] ?? '',
    prefix: system.env['BUCKET_PREFIX'] ?? '',
    policy: await policyOf(app),
    onRefused: (right) => refused.push(`${app}: ${right}`),
  });
  stops.push(() => proxy.stop());
  return system.start(app, { AWS_ENDPOINT_URL_S3: proxy.endpoint, ...env });
}

test('with the policies of the runbook the apps merge, clean, read and delete, and are refused nothing', async () => {
  const damaged = await putRaw(system.store, { pod: 'p', index: 1, messages: ['lost'] });
  await system.store.put(damaged, Buffer.from([0x1f, 0x8b, 8, 0, 0]));
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one', 'two'] });
  const reader = await startWithin('reader-api', { PORT: '0', KUBERNETES: 'off' });
  const { ports } = (await reader.line('ready')) as unknown as { ports: { http: number } };
  const log = `http://127.0.0.1:${ports.http}/api/v1/jobs/p/log`;
  await startWithin('compactor-worker');
  await startWithin('cleanup-worker', { RETENTION: '3650d', SWEEP_INTERVAL: '1s' });
  await eventually('merged and cleaned', () => isClean(system, 'p'));
  expect(await system.keys('damaged/')).toHaveLength(1);
  expect(await (await fetch(log)).text()).toBe('one\ntwo\n');
  expect((await fetch(log, { method: 'DELETE' })).status).toBe(200);
  await eventually('deleted', async () => (await system.keys('data/')).length === 0);
  expect(refused).toEqual([]);

  const policy = await policyOf('cleanup-worker');
  expect(allows(policy, 's3:PutObject', objectArn('metadata/p.json'))).toBe(true);
  expect(allows(policy, 's3:PutObject', objectArn('data/p'))).toBe(false);
});
