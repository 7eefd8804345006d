import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

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
  });
  const job = await inspect('compaction').getJob('compact-job-7.a');
  expect(job).toMatchObject({
    name: 'compact',
    data: { pod: 'job-7.a' },
    opts: { attempts: 6, removeOnComplete: true },
  });
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
  await expectSoon('scans go on', () => scans > before + 1, 20_000);
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
  expect(await queues.releaseFailed(3_600_000)).toEqual({ released: 0, removed: 0 });

  expect(await queues.releaseFailed(0)).toEqual({ released: 2, removed: 1 });
  await expectSoon('both done', () => compacted === 1 && cleaned === 1);
  await expectSoon('nothing left', async () => {
    const { compaction, cleanup } = await queues.counts();
    return compaction.failed + cleanup.failed + compaction.active + cleanup.active === 0;
  });
});
