import {
  eventually,
  isClean,
  putRaw,
  startFaultProxy,
  startTestSystem,
  storedPod,
  type TestSystem,
} from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

const messagesOf = async (pod: string) => (await storedPod(system, pod))?.messages;
const idle = async () => (await system.jobsIn('compaction')) + (await system.jobsIn('cleanup')) === 0;

test('raw files are found, merged and cleaned by themselves, and nothing is left behind', async () => {
  await putRaw(system.store, { pod: 'a', index: 0, messages: ['one', 'two'] });
  await putRaw(system.store, { pod: 'b', index: 1, messages: ['other'] });
  const compactor = await system.start('compactor-worker');
  const cleaner = await system.start('cleanup-worker');

  const merged = await compactor.line('pod compacted', (line) => line['pod'] === 'a');
  expect(merged).toMatchObject({
    level: 'info',
    app: 'compactor-worker',
    result: 'merged',
    rawFiles: 1,
    records: 2,
    mergedFiles: 1,
    commits: 1,
    damaged: 0,
    durationMs: expect.any(Number),
    s3GetObject: 2,
    s3PutObject: 2,
  });
  await eventually('a and b are clean', async () => (await isClean(system, 'a')) && (await isClean(system, 'b')));
  expect(await messagesOf('a')).toEqual(['one', 'two']);
  await cleaner.line('pod cleaned', (line) => line['pod'] === 'a' && line['result'] === 'finished');

  // More of the same pod goes on where the first left off.
  await putRaw(system.store, { pod: 'a', index: 2, messages: ['three'] });
  await eventually('a has more', async () => (await messagesOf('a'))?.length === 3);
  await eventually('a is clean again', () => isClean(system, 'a'));
  expect(await messagesOf('a')).toEqual(['one', 'two', 'three']);
  await eventually('the queues are empty', idle);

  const metrics = await (await fetch(`${compactor.opsUrl}/metrics`)).text();
  for (const sample of [
    'cordwood_merged_records_total{app="compactor-worker"} 4',
    'cordwood_conditional_writes{app="compactor-worker"} 1',
    'cordwood_compactions_total{result="merged",app="compactor-worker"} 3',
    'cordwood_s3_requests_total{operation="PutObject",status="200"',
    'cordwood_scan_pods{app="compactor-worker"}',
    'cordwood_queue_jobs{queue="compaction",state="failed",app="compactor-worker"} 0',
    'cordwood_redis_noeviction{app="compactor-worker"} 1',
    'cordwood_raw_files{app="compactor-worker"}',
  ])
    expect(metrics).toContain(sample);
});

test('everything in Redis may vanish between any two steps', async () => {
  await system.start('compactor-worker');
  await system.start('cleanup-worker');
  const expected: string[] = [];
  const upload = async (index: number) => {
    const messages = [`${index} a`, `${index} b`];
    expected.push(...messages);
    await putRaw(system.store, { pod: 'forgotten', index, messages });
  };

  // Before it is found; between merging and cleaning; when the pod is at rest.
  await upload(0);
  await system.forgetQueues();
  await eventually('merged', async () => (await messagesOf('forgotten'))?.length === 2);
  await system.forgetQueues();
  await eventually('clean', () => isClean(system, 'forgotten'));
  await system.forgetQueues();
  await upload(1);
  await eventually('merged again', async () => (await messagesOf('forgotten'))?.length === 4);

  // At any instant.
  for (let index = 2; index < 10; index++) {
    await upload(index);
    await new Promise((resolve) => setTimeout(resolve, 37 * index));
    await system.forgetQueues();
  }
  await eventually('all merged and clean', async () => {
    return (await messagesOf('forgotten'))?.length === expected.length && (await isClean(system, 'forgotten'));
  });
  expect(await messagesOf('forgotten')).toEqual(expected);
});

test('a worker that is killed in the middle of a merge is followed by another; nothing is lost, nothing twice', async () => {
  const proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
  try {
    // The first worker gets as far as its commit, which never arrives.
    proxy.add({
      match: ({ method, url }) => method === 'PUT' && url.includes('/metadata/killed.json'),
      fault: { before: () => new Promise(() => undefined) },
      times: Infinity,
    });
    await putRaw(system.store, { pod: 'killed', index: 0, messages: ['one', 'two'] });
    await putRaw(system.store, { pod: 'killed', index: 1, messages: ['three'] });
    const first = await system.start('compactor-worker', { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    await eventually('its files are stored', async () => (await system.keys('data/killed/')).length > 0);
    await system.start('compactor-worker');
    await system.start('cleanup-worker');
    first.kill('SIGKILL');
    await first.ended;
    // Its lock on the job runs out after half a minute; this is as if that time were over.
    await system.forgetJobLocks();
    await eventually('merged', async () => (await messagesOf('killed')) !== undefined);
    expect(await messagesOf('killed')).toEqual(['one', 'two', 'three']);
    // The orphans of the first go too.
    await eventually('clean', () => isClean(system, 'killed'));
    expect(await messagesOf('killed')).toEqual(['one', 'two', 'three']);
    await eventually('the queues are empty', idle);
  } finally {
    await proxy.stop();
  }
});
