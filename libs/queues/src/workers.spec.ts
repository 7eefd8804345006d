import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { JobLockLostError, PermanentJobError, WorkerStoppingError } from './errors.ts';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

function raw(queue: string): Queue {
  return new Queue(queue, { connection: fixture.connection.producer, prefix: fixture.prefix });
}
/** Resolves when the signal aborts, to its reason, and fails the handler. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

test('a handler gets its payload and context; the job is gone afterwards', async () => {
  const queues = fixture.queues();
  const seen: unknown[] = [];
  const workers = fixture.workers({
    compact: async (payload, { jobId, attempt, signal, log }) => {
      seen.push({ payload, jobId, attempt, aborted: signal.aborted });
      log.info('merged', { records: 1 });
    },
  });
  await queues.enqueueCompactions(['a', 'b.c-d']);
  await expectSoon('both done', () => seen.length === 2);
  expect(seen).toContainEqual({ payload: { pod: 'b.c-d' }, jobId: 'compact-b.c-d', attempt: 1, aborted: false });
  expect(fixture.log).toContainEqual({
    level: 'info',
    message: 'merged',
    fields: { queue: 'compaction', job: 'compact', jobId: 'compact-a', attempt: 1, records: 1 },
  });
  await expectSoon('nothing left', async () => (await raw('compaction').getJobCountByTypes()) === 0);
  await workers.check(new AbortController().signal);
  const { body } = await fixture.metrics.text();
  expect(body).toContain('cordwood_jobs_total{queue="compaction",job="compact",result="done",app="test"} 2');
  // A pod that is done may come again.
  await queues.enqueueCompactions(['a']);
  await expectSoon('done again', () => seen.length === 3);
});

test('what cannot be processed fails at once and is kept', async () => {
  const calls: string[] = [];
  fixture.workers({
    compact: async ({ pod }) => {
      calls.push(pod);
      throw new PermanentJobError('no use');
    },
  });
  const queue = raw('compaction');
  await queue.add('compact', { pod: 7 }, { jobId: 'bad-payload', attempts: 5 });
  await queue.add('polish', { pod: 'p' }, { jobId: 'unknown-job', attempts: 5 });
  await queue.add('clean', { pod: 'p' }, { jobId: 'wrong-queue', attempts: 5 });
  await queue.add('compact', { pod: 'p' }, { jobId: 'permanent', attempts: 5 });
  await expectSoon('all failed', async () => (await queue.getFailedCount()) === 4);
  const reasons = Object.fromEntries((await queue.getFailed()).map((job) => [job.id, job.failedReason]));
  expect(reasons).toEqual({
    'bad-payload': expect.stringContaining('Payload of the job compact'),
    'unknown-job': 'No handler for the job polish of the queue compaction',
    'wrong-queue': 'No handler for the job clean of the queue compaction',
    permanent: 'no use',
  });
  expect(calls).toEqual(['p']);
});

test('what a job is about is kept when it fails, and asks nothing of Redis when it does not', async () => {
  const subject = { namespaces: ['team-a'], rawFiles: 12, rawBytes: 1_500 };
  fixture.workers({
    compact: async ({ pod }, { isAbout }) => {
      isAbout({ namespaces: [] });
      isAbout(subject);
      if (pod === 'permanent') throw new PermanentJobError('no use');
      if (pod === 'passing') throw new Error('not yet');
    },
  });
  const queue = raw('compaction');
  for (const pod of ['permanent', 'passing', 'fine']) {
    await queue.add('compact', { pod }, { jobId: pod, attempts: 2, backoff: { type: 'fixed', delay: 3_600_000 } });
  }
  await expectSoon('failed, delayed, done', async () => {
    const { failed, delayed, active, waiting } = await queue.getJobCounts();
    return failed === 1 && delayed === 1 && active === 0 && waiting === 0;
  });
  for (const id of ['permanent', 'passing']) expect((await queue.getJob(id))?.progress).toEqual(subject);
  const events = await fixture.connection.producer.xrange(`${fixture.prefix}:compaction:events`, '-', '+');
  const told = events.map(([, fields]) => fields.join(' ')).filter((text) => text.startsWith('event progress'));
  expect(told).toHaveLength(2);
  expect(told.join(' ')).not.toContain('jobId fine');
});

test('a job that fails is tried again', async () => {
  const attempts: number[] = [];
  fixture.workers({
    compact: async (_payload, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    },
  });
  await raw('compaction').add('compact', { pod: 'p' }, { attempts: 3, backoff: { type: 'fixed', delay: 5 } });
  await expectSoon('done', () => attempts.length === 3);
  expect(attempts).toEqual([1, 2, 3]);
});

test('a job may ask to run again', async () => {
  const queues = fixture.queues();
  const attempts: number[] = [];
  fixture.workers({
    compact: async (_payload, { attempt }) => {
      attempts.push(attempt);
      return attempts.length < 4 ? { againInMs: 20 } : undefined;
    },
  });
  await queues.enqueueCompactions(['p']);
  await expectSoon('done', () => attempts.length === 4);
  // Running again is no failure: it uses up no attempts.
  expect(attempts).toEqual([1, 1, 1, 1]);
  await expectSoon('gone', async () => (await raw('compaction').getJobCountByTypes()) === 0);
});

test('a lost lock aborts the signal, and the job runs again', async () => {
  const queues = fixture.queues();
  const reasons: unknown[] = [];
  let calls = 0;
  fixture.workers(
    {
      compact: async (_payload, { signal }) => {
        if (++calls > 1) return;
        await untilAborted(signal).catch((error: unknown) => reasons.push(error));
        signal.throwIfAborted();
      },
    },
    { lockDurationMs: 200, stalledIntervalMs: 100 },
  );
  await queues.enqueueCompactions(['p']);
  // A stall may take its lock before we do.
  await expectSoon('running', () => calls > 0);
  await fixture.connection.producer.set(`${fixture.prefix}:compaction:compact-p:lock`, 'another worker', 'PX', 300);
  await expectSoon('aborted', () => reasons.length === 1);
  expect(reasons[0]).toBeInstanceOf(JobLockLostError);
  await expectSoon('again', () => calls > 1);
  expect((await fixture.metrics.text()).body).toContain('result="lost"');
});

test('closing waits for running jobs and takes no new ones', async () => {
  const queues = fixture.queues();
  const gate = Promise.withResolvers<string>();
  const done: string[] = [];
  const workers = fixture.workers(
    {
      compact: async ({ pod }) => {
        await gate.promise;
        done.push(pod);
      },
    },
    { concurrency: 1 },
  );
  await queues.enqueueCompactions(['a', 'b']);
  await expectSoon('running', () => workers.running === 1);
  const closed = workers.close(60_000);
  gate.resolve('open');
  expect(await closed).toBe(true);
  expect(done).toEqual(['a']);
  expect((await queues.counts()).compaction).toMatchObject({ waiting: 1, active: 0 });
});

test('closing hands back what does not end in time', async () => {
  const queues = fixture.queues();
  let reason: unknown;
  const workers = fixture.workers({
    compact: async (_payload, { signal }) => {
      await untilAborted(signal).catch((error: unknown) => (reason = error));
      signal.throwIfAborted();
    },
  });
  await queues.enqueueCompactions(['a']);
  await expectSoon('running', () => workers.running === 1);
  // A quarter of it is for giving up and handing back: longer than a busy machine stalls.
  expect(await workers.close(16_000)).toBe(true);
  expect(reason).toBeInstanceOf(WorkerStoppingError);
  // At once, not when a lock runs out; and it has used up no attempt.
  expect((await queues.counts()).compaction).toMatchObject({ waiting: 1, active: 0, failed: 0 });
  let attempt = 0;
  fixture.workers({
    compact: async (_payload, context) => {
      attempt = context.attempt;
    },
  });
  await expectSoon('taken up', () => attempt > 0);
  expect(attempt).toBe(1);
});

test('closing does not wait for a handler that does not listen', async () => {
  const queues = fixture.queues();
  const gate = Promise.withResolvers<string>();
  const workers = fixture.workers({
    compact: async () => {
      await gate.promise;
    },
  });
  await queues.enqueueCompactions(['a']);
  await expectSoon('running', () => workers.running === 1);
  expect(await workers.close(300)).toBe(false);
  expect((await queues.counts()).compaction.active).toBe(1);
  gate.resolve('open');
});

test('a worker that is idle closes at once', async () => {
  const workers = fixture.workers({ scan: async () => {}, compact: async () => {} });
  // Longer than a test may last.
  expect(await workers.close(3_600_000)).toBe(true);
});
