import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

// Workers whose clocks are hours apart share the queues; here one that is ahead did something and is gone, or only such are left as are behind.
const HOURS = 5 * 3_600_000;

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  jest.restoreAllMocks();
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

async function withClockOff(ms: number, work: () => Promise<unknown>): Promise<void> {
  const now = Date.now.bind(Date);
  const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() + ms);
  await work();
  clock.mockRestore();
}
const ahead = (work: () => Promise<unknown>): Promise<void> => withClockOff(HOURS, work);
const behind = (work: () => Promise<unknown>): Promise<void> => withClockOff(-HOURS, work);

test('a cleaning that it asked for is done in time', async () => {
  const cleaned: string[] = [];
  const queues = fixture.queues();
  await ahead(() => queues.enqueueCleanup('p', 3_000));
  fixture.workers(
    {
      clean: ({ pod }) => {
        cleaned.push(pod);
        return Promise.resolve();
      },
    },
    { stalledIntervalMs: 50 },
  );
  await expectSoon('cleaned', () => cleaned.includes('p'));
});

test('a cleaning and a next try that are due are seen by workers whose clocks are behind', async () => {
  const done: string[] = [];
  const queues = fixture.queues();
  const compaction = new Queue('compaction', { connection: fixture.connection.producer, prefix: fixture.prefix });
  const handler = ({ pod }: { pod: string }): Promise<void> => {
    done.push(pod);
    return Promise.resolve();
  };
  try {
    await queues.enqueueCleanup('clean', 1_000);
    await compaction.add('compact', { pod: 'retry' }, { jobId: 'compact-retry', delay: 1_000 });
    await behind(async () => {
      fixture.workers({ clean: handler, compact: handler }, { stalledIntervalMs: 50 });
      await expectSoon('cleaned', () => done.includes('clean'));
      await expectSoon('tried again', async () => {
        // As every scan does.
        await queues.releaseFailed(60_000);
        return done.includes('retry');
      });
    });
  } finally {
    await compaction.close();
  }
});

test('a schedule that it wrote is written again', async () => {
  let scans = 0;
  const queues = fixture.queues({ scheduleCheckMs: 50 });
  fixture.workers({
    scan: () => {
      scans++;
      return Promise.resolve();
    },
  });
  const elsewhere = fixture.queues({ scheduleCheckMs: 3_600_000 });
  await ahead(async () => {
    await elsewhere.scheduleScan(100);
    await expectSoon('the first one, which comes at once', () => scans > 0);
  });
  scans = 0;
  await queues.scheduleScan(100);
  await expectSoon('scans', () => scans > 2);
});

test('its jobs that were to be tried again, and those that failed there, do not block their pods', async () => {
  const queues = fixture.queues();
  const compaction = new Queue('compaction', { connection: fixture.connection.producer, prefix: fixture.prefix });
  try {
    await ahead(async () => {
      await compaction.add('compact', { pod: 'later' }, { jobId: 'compact-later', delay: 240_000 });
      await compaction.add('compact', { pod: 'failed' }, { jobId: 'compact-failed', attempts: 1 });
      const worker = fixture.workers({ compact: (): Promise<void> => Promise.reject(new Error('no')) });
      await expectSoon('failed', async () => (await queues.counts()).compaction.failed === 1);
      await worker.close(2_000);
    });
    await queues.releaseFailed(60_000);
    expect((await queues.counts()).compaction).toMatchObject({ waiting: 2, delayed: 0, failed: 0 });
  } finally {
    await compaction.close();
  }
});
