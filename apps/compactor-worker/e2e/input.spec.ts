import { eventually, isClean, putRaw, startTestSystem, storedPod, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

test('corrupt metadata stops its pod alone, and nothing of it is deleted', async () => {
  const raw = await putRaw(system.store, { pod: 'broken', index: 0, messages: ['kept'] });
  await system.store.put('metadata/broken.json', Buffer.from('{"version":2,'));
  await putRaw(system.store, { pod: 'fine', index: 1, messages: ['one'] });
  const compactor = await system.start('compactor-worker');
  await system.start('cleanup-worker');

  const failed = await compactor.line('job failed for good', (line) => line['jobId'] === 'compact-broken');
  expect(failed).toMatchObject({ level: 'error', error: { message: expect.stringContaining('pod broken') } });
  expect(failed).toMatchObject({ error: { message: expect.stringContaining('not JSON') } });
  await eventually('the other pod is clean', () => isClean(system, 'fine'));
  expect(await system.keys('kube.var.log.containers.broken_')).toEqual([raw]);
  const metrics = await (await fetch(`${compactor.opsUrl}/metrics`)).text();
  expect(metrics).toMatch(/cordwood_compactions_total\{result="metadata",app="compactor-worker"\} [1-9]/);

  // It is not tried without end, but it is again after a while: so it goes on when somebody has repaired it.
  await system.store.deleteMany([{ key: 'metadata/broken.json' }]);
  await eventually('repaired', () => isClean(system, 'broken'));
  expect((await storedPod(system, 'broken'))?.messages).toEqual(['kept']);
});

test('stray keys and empty objects are reported once and left alone', async () => {
  const raw = await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  const strays = [
    'kube.var.log.containers.nobody',
    raw.replace('__0.gz', '__zero.gz'),
    raw.replace(/[^/]+$/, ''),
    raw.replace('__0.gz', '__1.gz'),
  ];
  for (const key of strays) await system.store.put(key, Buffer.from(key.endsWith('__1.gz') ? '' : 'stray'));
  const compactor = await system.start('compactor-worker');
  await system.start('cleanup-worker');
  await eventually('merged', async () => (await storedPod(system, 'p')) !== undefined);
  await eventually('cleaned', async () => !(await system.keys(raw)).includes(raw));
  // Several more looks at the pod.
  await eventually('looked at again', () => compactor.lines.filter((line) => line['result'] === 'idle').length >= 2);

  const reports = compactor.lines.filter((line) => line['message'] === 'stray object, left alone');
  expect(reports.map((line) => [line['level'], line['key'], line['problem']]).toSorted()).toEqual(
    [
      ['warn', strays[0], 'no pod'],
      ['warn', strays[1], 'file is not date_index.gz'],
      ['warn', strays[2], 'folder marker'],
      ['warn', strays[3], 'empty object'],
    ].toSorted(),
  );
  expect((await system.keys('kube.var.log.containers.')).toSorted()).toEqual(strays.toSorted());
});
