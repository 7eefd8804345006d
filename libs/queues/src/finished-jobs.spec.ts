import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { createFinishedJobs } from './finished-jobs.ts';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';
import type { WorkOf } from './results.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

const MERGED: WorkOf<'compact'> = {
  result: 'merged',
  namespaces: ['jobs'],
  rawFiles: 12,
  rawBytes: 3_456,
  records: 100,
  mergedFiles: 1,
  mergedBytes: 789,
  deletedFiles: 0,
  damaged: 0,
  leftRaw: 0,
};
const CLEANED: WorkOf<'clean'> = {
  result: 'again',
  namespaces: ['team-a'],
  deletedRaw: 7,
  deletedSuperseded: 1,
  deletedOrphans: 0,
  expiredInstances: 0,
  expiredBytes: 0,
};

test('what done jobs tell is known after they are gone', async () => {
  const queues = fixture.queues();
  let isTold = false;
  fixture.workers({
    compact: async () => {
      if (!isTold) return undefined;
      return { result: MERGED };
    },
  });
  const finished = createFinishedJobs({ client: fixture.connection.producer, prefix: fixture.prefix });
  expect(await finished.recent('compaction')).toEqual([]);
  const done = (count: number) =>
    expectSoon('done', async () => {
      const jobs = await finished.recent('compaction');
      return jobs.length === count ? jobs : undefined;
    });
  await queues.enqueueCompactions(['a-1.b']);
  await done(1);
  isTold = true;
  await queues.enqueueCompactions(['a-1.b']);
  const [second, first] = await done(2);

  const job = { jobId: 'compact-a-1.b', name: 'compact', pod: 'a-1.b', finishedAt: expect.any(Number) };
  expect(first).toEqual({ ...job, eventId: expect.any(String), result: undefined });
  expect(second).toMatchObject({ ...job, result: { ...MERGED, durationMs: expect.any(Number) } });
  expect(second?.eventId).not.toBe(first?.eventId);
  expect(await finished.find('compaction', second?.eventId ?? '')).toEqual(second);
  expect(await finished.find('compaction', '1-1')).toBeUndefined();
  expect(await finished.find('compaction', '-')).toBeUndefined();
});

test('a job that is to run again keeps what it did last', async () => {
  const queues = fixture.queues();
  fixture.workers({ clean: async () => ({ result: CLEANED, againInMs: 600_000 }) });
  await queues.enqueueCleanup('pod-a', 0);
  const queue = new Queue('cleanup', { connection: fixture.connection.producer, prefix: fixture.prefix });
  const delayed = await expectSoon('delayed', async () => (await queue.getDelayed())[0]);
  expect(delayed.progress).toEqual({ ...CLEANED, durationMs: expect.any(Number) });
  const finished = createFinishedJobs({ client: fixture.connection.producer, prefix: fixture.prefix });
  expect(await finished.recent('cleanup')).toEqual([]);
});
