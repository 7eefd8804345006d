import { eventually, isClean, putRaw, startTestSystem, storedPod, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

const noJobs = async () => (await system.jobsIn('cleanup')) === 0;

test('a pod that has stopped logging is cleaned a last time, orphans included, and leaves the queue', async () => {
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  // The compactor does nothing more after this one merge.
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  await compactor.line('pod compacted');
  compactor.kill('SIGTERM');
  expect(await compactor.ended).toBe(0);
  const orphan = 'data/p/0a/202611201000_99.gz';
  await system.store.put(orphan, Buffer.from('of a merge that lost its race'));
  expect(await system.jobsIn('cleanup')).toBe(1);
  expect((await storedPod(system, 'p'))?.metadata.merged_raw).toHaveLength(1);

  const cleaner = await system.start('cleanup-worker');
  await eventually('clean', () => isClean(system, 'p'));
  await eventually('the queue is empty', noJobs);
  expect(await system.keys('')).not.toContain(expect.stringContaining(orphan));
  expect((await storedPod(system, 'p'))?.messages).toEqual(['one']);
  const finished = await cleaner.line('pod cleaned', (line) => line['result'] === 'finished');
  expect(finished).toMatchObject({ level: 'info', app: 'cleanup-worker', pod: 'p', durationMs: expect.any(Number) });
  const metrics = await (await fetch(`${cleaner.opsUrl}/metrics`)).text();
  expect(metrics).toContain('cordwood_cleanup_deleted_files_total{kind="raw",app="cleanup-worker"} 1');
  expect(metrics).toContain('cordwood_cleanup_deleted_files_total{kind="orphan",app="cleanup-worker"} 1');
});

test('metadata that turned bad between merging and cleaning: nothing is deleted', async () => {
  const raw = await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  await compactor.line('pod compacted');
  const data = await system.keys('data/');
  await system.store.put('metadata/p.json', Buffer.from('{"version":3}'));
  const cleaner = await system.start('cleanup-worker');
  const failed = await cleaner.line('job failed for good');
  expect(failed).toMatchObject({ error: { message: expect.stringContaining('nothing of pod p is deleted') } });
  expect(await system.keys('kube.')).toEqual([raw]);
  expect(await system.keys('data/')).toEqual(data);
});

test('ends with 0 on SIGTERM', async () => {
  const cleaner = await system.start('cleanup-worker');
  await cleaner.line('ready');
  cleaner.kill('SIGTERM');
  expect(await cleaner.ended).toBe(0);
});
