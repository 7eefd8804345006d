import { type PrivateRedis, startPrivateRedis } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { JobLockLostError } from './errors.ts';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

let redis: PrivateRedis;
let fixture: Fixture;
beforeEach(async () => {
  redis = await startPrivateRedis();
  fixture = createFixture(redis.url, '{outage}');
});
afterEach(async () => {
  await fixture.close();
  await redis.dispose();
});
const messages = () => fixture.log.map(({ message }) => message);

test('workers go on after an outage; producers fail fast meanwhile; each outage is logged once', async () => {
  const queues = fixture.queues();
  const done: string[] = [];
  fixture.workers({
    compact: async ({ pod }) => {
      done.push(pod);
    },
  });
  await queues.enqueueCompactions(['before']);
  await expectSoon('done before', () => done.includes('before'));

  await redis.stop();
  await expect(queues.enqueueCompactions(['during'])).rejects.toThrow();
  await expect(queues.check(new AbortController().signal)).rejects.toThrow();

  await redis.start();
  await expectSoon('ready', () =>
    Promise.resolve(queues.check(new AbortController().signal)).then(
      () => true,
      () => false,
    ),
  );
  await queues.enqueueCompactions(['after']);
  await expectSoon('done after', () => done.includes('after'));
  await expectSoon('told', () => messages().includes('redis is back'));
  expect(messages().filter((message) => message === 'redis is away')).toHaveLength(1);
  expect(messages().filter((message) => message === 'redis is back')).toHaveLength(1);
});

test('a job that runs through a killed Redis ends well', async () => {
  const queues = fixture.queues();
  const gate = Promise.withResolvers<string>();
  let runs = 0;
  const workers = fixture.workers({
    compact: async () => {
      runs++;
      await gate.promise;
    },
  });
  await queues.enqueueCompactions(['p']);
  await expectSoon('running', () => workers.running === 1);
  await redis.kill();
  gate.resolve('done');
  await redis.start();
  await expectSoon('gone', async () => {
    const counts = await queues.counts().catch(() => undefined);
    return counts && counts.compaction.active + counts.compaction.waiting + counts.compaction.delayed === 0;
  });
  expect(runs).toBe(1);
});

test('FLUSHALL under a running job: its signal aborts, and everything starts over', async () => {
  const queues = fixture.queues({ scheduleCheckMs: 50 });
  let scans = 0;
  let runs = 0;
  let reason: unknown;
  const compacted: string[] = [];
  fixture.workers(
    {
      scan: async () => {
        // As the real scan does: what the bucket holds is enqueued again, whatever Redis remembers.
        await queues.enqueueCompactions(['p']);
        scans++;
      },
      compact: async ({ pod }, { signal }) => {
        if (++runs === 1) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          reason = signal.reason;
          signal.throwIfAborted();
        }
        compacted.push(pod);
      },
    },
    { lockDurationMs: 400, stalledIntervalMs: 200 },
  );
  await queues.scheduleScan(200);
  // By a stall it may lose its lock before, and have run again by now.
  await expectSoon('the job runs', () => runs > 0);
  const admin = new Redis(redis.url);
  await admin.flushall();
  admin.disconnect();
  const before = scans;
  await expectSoon('the lost job gave up', () => reason !== undefined);
  expect(reason).toBeInstanceOf(JobLockLostError);
  await expectSoon('scans go on', () => scans > before + 1);
  await expectSoon('the pod is compacted', () => compacted.length > 0);
});

test('Redis may be away at start', async () => {
  await redis.stop();
  const late = createFixture(redis.url, '{late}');
  try {
    const queues = late.queues();
    const done: string[] = [];
    late.workers({
      compact: async ({ pod }) => {
        done.push(pod);
      },
    });
    await expect(queues.scheduleScan(60_000)).rejects.toThrow();
    await redis.start();
    await expectSoon('it works', () =>
      queues.enqueueCompactions(['p']).then(
        () => true,
        () => false,
      ),
    );
    await expectSoon('done', () => done.length === 1);
  } finally {
    await late.close();
  }
});

test('closing while Redis is away does not wait for it', async () => {
  const queues = fixture.queues();
  const workers = fixture.workers({ compact: async () => {} });
  await queues.enqueueCompactions(['p']);
  await expectSoon('done', async () => (await queues.counts()).compaction.waiting === 0);
  await redis.kill();
  await workers.close(4_000);
  await queues.close();
  await fixture.connection.close();
});
