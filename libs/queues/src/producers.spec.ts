import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { PermanentJobError } from './errors.ts';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';
import { keptForMs } from './release-failed.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

/** A look into Redis that does not go through what is tested. */
function inspect(queue: string): Queue {
  return new Queue(queue, { connection: fixture.connection.producer, prefix: fixture.prefix });
}

test('compactions: one job per pod, many at once, bad names refused', async () => {
  const queues = fixture.queues();
  const pods = Array.from({ length: 1_200 }, (_, index) => `job-${index}.a`);
  expect(await queues.enqueueCompactions([...pods, 'a/b', 'x y'])).toEqual({ refused: ['a/b', 'x y'] });
  expect(await queues.enqueueCompactions(pods)).toEqual({ refused: [] });
  expect(await queues.enqueueCompactions([])).toEqual({ refused: [] });
  expect(await queues.counts()).toEqual({
    scan: { waiting: 0, active: 0, delayed: 0, failed: 0 },
    compaction: { waiting: 1_200, active: 0, delayed: 0, failed: 0 },
    cleanup: { waiting: 0, active: 0, delayed: 0, failed: 0 },
    sweep: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  });
  const job = await inspect('compaction').getJob('compact-job-7.a');
  expect(job).toMatchObject({
    name: 'compact',
    data: { pod: 'job-7.a' },
    opts: { attempts: 6, removeOnComplete: true },
  });
});

test('compactions: a pod that has a job costs one command, and jobs of a queue that is paused count', async () => {
  const queues = fixture.queues();
  const pods = Array.from({ length: 1_200 }, (_, index) => `job-${index}`);
  await inspect('compaction').pause();
  await queues.enqueueCompactions(pods);
  const sent = jest.spyOn(fixture.connection.producer, 'sendCommand');
  await queues.enqueueCompactions(pods);
  const names = sent.mock.calls.map(([command]) => command.name);
  expect([names.length, new Set(names)]).toEqual([1_200, new Set(['exists'])]);
  expect((await queues.counts()).compaction).toMatchObject({ waiting: 1_200 });
});

test('a cleanup waits no longer than asked for; a later request does not put it off', async () => {
  const queues = fixture.queues();
  const due = async () => {
    const [, score] = await fixture.connection.producer.zrange(
      `${fixture.prefix}:cleanup:delayed`,
      '0',
      '-1',
      'WITHSCORES',
    );
    return Math.round((Number(score) / 4_096 - Date.now()) / 60_000);
  };
  await queues.enqueueCleanup('p', 30 * 60_000);
  expect(await due()).toBe(30);
  await queues.enqueueCleanup('p', 60 * 60_000);
  expect(await due()).toBe(30);
  await queues.enqueueCleanup('p', 10 * 60_000);
  expect(await due()).toBe(10);
  // Whoever asks last, the earliest counts.
  await Promise.all([8, 6, 9, 5, 7].map((minutes) => queues.enqueueCleanup('p', minutes * 60_000)));
  expect(await due()).toBe(5);
  expect((await queues.counts()).cleanup).toMatchObject({ delayed: 1, waiting: 0 });
  await expect(queues.enqueueCleanup('a:b', 0)).rejects.toThrow('pod name');
});

test('cleanups of many pods: one job each, now, bad names refused', async () => {
  const queues = fixture.queues();
  const pods = Array.from({ length: 120 }, (_, index) => `job-${index}.a`);
  expect(await queues.enqueueCleanups([...pods, 'a/b'])).toEqual({ refused: ['a/b'] });
  expect(await queues.enqueueCleanups(pods)).toEqual({ refused: [] });
  expect((await queues.counts()).cleanup).toMatchObject({ waiting: 120, delayed: 0 });
});

test('scan and sweep have schedules of their own', async () => {
  const queues = fixture.queues();
  await queues.scheduleScan(60_000);
  await queues.scheduleSweep(3_600_000);
  const everyOf = async (queue: string) =>
    (await inspect(queue).getJobSchedulers()).map(({ key, every }) => [key, every]);
  expect([await everyOf('scan'), await everyOf('sweep')]).toEqual([[['scan', 60_000]], [['sweep', 3_600_000]]]);
  const { scan, sweep } = await queues.counts();
  // The first ones come at once.
  expect([scan, sweep].map(({ waiting, delayed }) => waiting + delayed)).toEqual([1, 1]);
  expect(await inspect('sweep').getGlobalConcurrency()).toBe(1);
});

test('the scan is scheduled once, however many replicas ask, at the latest interval', async () => {
  const one = fixture.queues();
  const two = fixture.queues();
  await Promise.all([one.scheduleScan(3_600_000), two.scheduleScan(3_600_000), one.scheduleScan(3_600_000)]);
  const scan = inspect('scan');
  expect(await scan.getJobSchedulersCount()).toBe(1);
  // The first one comes at once.
  expect(await scan.getJobCountByTypes('waiting', 'delayed')).toBe(1);
  await two.scheduleScan(1_800_000);
  expect((await scan.getJobSchedulers())[0]).toMatchObject({ key: 'scan', every: 1_800_000 });
  expect(await scan.getJobCountByTypes('waiting', 'delayed')).toBe(1);
  expect(await scan.getGlobalConcurrency()).toBe(1);
});

test('scans come in their rhythm, and replicas that start do not put them off', async () => {
  const queues = fixture.queues();
  let scans = 0;
  fixture.workers({
    scan: async () => {
      scans++;
    },
  });
  await queues.scheduleScan(200);
  await expectSoon('a few scans', async () => {
    await queues.scheduleScan(200);
    return scans >= 4;
  });
});

test('one scan at a time in all replicas', async () => {
  let running = 0;
  let most = 0;
  let scans = 0;
  const scan = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 150));
    running--;
    scans++;
  };
  fixture.workers({ scan });
  fixture.workers({ scan });
  await fixture.queues().scheduleScan(50);
  await expectSoon('a few scans', () => scans >= 4);
  expect(most).toBe(1);
});

test('a schedule that vanished from Redis is put back', async () => {
  const queues = fixture.queues({ scheduleCheckMs: 50 });
  await queues.scheduleScan(100);
  let scans = 0;
  fixture.workers({
    scan: async () => {
      scans++;
    },
  });
  await expectSoon('a scan', () => scans > 0);
  await removeTestKeys(fixture.prefix);
  const before = scans;
  await expectSoon('scans go on', () => scans > before + 1);
  expect(fixture.log.some(({ message }) => message.includes('schedule was gone'))).toBe(true);
  expect(await inspect('scan').getGlobalConcurrency()).toBe(1);
});

test('failed jobs are released after a while', async () => {
  const queues = fixture.queues();
  let broken = true;
  let compacted = 0;
  let cleaned = 0;
  const work = (count: () => void) => async () => {
    if (broken) throw new Error('broken');
    count();
  };
  fixture.workers({ compact: work(() => compacted++), clean: work(() => cleaned++) });
  for (const [queue, name] of [
    ['compaction', 'compact'],
    ['cleanup', 'clean'],
  ] as const) {
    await inspect(queue).add(name, { pod: 'p' }, { jobId: `${name}-p`, attempts: 1 });
  }
  await inspect('compaction').add('compact', { pod: '' }, { jobId: 'compact-' });
  await expectSoon('all failed', async () => {
    const { compaction, cleanup } = await queues.counts();
    return compaction.failed === 2 && cleanup.failed === 1;
  });
  // Kept, and in the way.
  broken = false;
  await queues.enqueueCompactions(['p']);
  expect((await queues.counts()).compaction).toMatchObject({ failed: 2, waiting: 0 });
  expect(await queues.releaseFailed(3_600_000)).toEqual({ compactions: [], released: 0, removed: 0 });
  const [[pod, failedAt] = []] = await queues.failedAmong(['other', 'p', 'Not_A_Pod']);
  expect([pod, failedAt]).toEqual(['p', expect.any(Number)]);
  expect(await queues.explainFailed(['p', 'other'], 3_600_000)).toEqual([
    { pod: 'p', reason: 'broken', failedAt, releaseAt: Number(failedAt) + 3_600_000, failures: 1 },
  ]);

  expect(await queues.releaseFailed(0)).toEqual({ compactions: ['p'], released: 2, removed: 1 });
  await expectSoon('both done', () => compacted === 1 && cleaned === 1);
  await expectSoon('nothing left', async () => {
    const { compaction, cleanup } = await queues.counts();
    return compaction.failed + cleanup.failed + compaction.active + cleanup.active === 0;
  });
});

test('what fails every time is released less and less often', async () => {
  const queues = fixture.queues();
  let calls = 0;
  fixture.workers({
    compact: async () => {
      calls++;
      throw new PermanentJobError('poison');
    },
  });
  await queues.enqueueCompactions(['p']);
  const waits: number[] = [];
  for (let failures = 1; failures <= 4; failures++) {
    const failed = await expectSoon('kept as failed', async () => {
      const [job] = await queues.explainFailed(['p'], 10);
      return job?.failures === failures ? job : undefined;
    });
    waits.push(failed.releaseAt - failed.failedAt);
    await expectSoon('released', async () => (await queues.releaseFailed(10)).released === 1);
  }
  expect(waits).toEqual([10, 20, 40, 80]);
  await expectSoon('called once per release', () => calls === 5);
  expect(keptForMs(10, 40)).toBe(3_600_000);
  expect(keptForMs(7_200_000, 3)).toBe(7_200_000);
});

test('very many failing pods are not tried again with every scan either', async () => {
  const queues = fixture.queues();
  let calls = 0;
  fixture.workers({
    compact: async () => {
      calls++;
      throw new PermanentJobError('poison');
    },
  });
  const pods = Array.from({ length: 1_300 }, (_, index) => `p-${index}`);
  for (let scan = 0; scan < 3; scan++) {
    await queues.enqueueCompactions(pods);
    await expectSoon('at rest', async () => {
      const { waiting, active, failed } = (await queues.counts()).compaction;
      return waiting + active === 0 && failed === pods.length;
    });
  }
  expect(calls).toBe(pods.length);
  const failedAt = await queues.failedAmong([...pods, 'p']);
  expect([...failedAt.keys()]).toEqual(pods);
});

test('what failed together is not released together', async () => {
  const queues = fixture.queues();
  fixture.workers({
    compact: async () => {
      throw new PermanentJobError('poison');
    },
  });
  await queues.enqueueCompactions(Array.from({ length: 20 }, (_, index) => `p-${index}`));
  await expectSoon('all failed', async () => (await queues.counts()).compaction.failed === 20);
  expect(await queues.releaseFailed(0, 8)).toMatchObject({ released: 8, removed: 0 });
});
