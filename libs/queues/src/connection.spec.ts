import { startPrivateRedis, testRedisUrl } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';
import { createPodSchedule } from './pod-schedule.ts';

const ping = (fixture: Fixture) => Promise.resolve(fixture.connection.ping(new AbortController().signal));

test('connects, answers, says goodbye', async () => {
  const fixture = createFixture(testRedisUrl(), '{unused}');
  await ping(fixture);
  expect(fixture.connection.worker.options).toMatchObject({ maxRetriesPerRequest: null });
  await fixture.close();
  await expect(ping(fixture)).rejects.toThrow();
  // A connection that we close is no outage.
  expect(fixture.log).toEqual([]);
});

test('a Redis that may evict is reported', async () => {
  const redis = await startPrivateRedis({ settings: { 'maxmemory-policy': 'allkeys-lru' } });
  const fixture = createFixture(redis.url, '{evicting}');
  try {
    await expectSoon('reported', () => fixture.log.some(({ fields }) => fields['maxmemoryPolicy'] === 'allkeys-lru'));
  } finally {
    await fixture.close();
    await redis.dispose();
  }
});

test('password and database', async () => {
  const redis = await startPrivateRedis({ settings: { requirepass: 'p@ss:word' } });
  expect(redis.url).toContain(':p%40ss%3Aword@');
  const fixture = createFixture(`${redis.url}/3`, '{db}');
  try {
    await ping(fixture);
    await createPodSchedule(fixture).decided('p', 60_000);
    const admin = new Redis({ port: redis.port, host: '127.0.0.1', password: 'p@ss:word', db: 3 });
    expect(await admin.dbsize()).toBe(1);
    admin.disconnect();
  } finally {
    await fixture.close();
    await redis.dispose();
  }
});

test('a Cluster: queues, workers and the schedule', async () => {
  const redis = await startPrivateRedis({ settings: { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' } });
  const admin = new Redis(redis.url);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await expectSoon('the cluster stands', async () => (await admin.cluster('INFO')).includes('cluster_state:ok'));
  admin.disconnect();
  const fixture = createFixture(`redis+cluster://127.0.0.1:${redis.port}`, '{cordwood}');
  try {
    await expectSoon('connected', () =>
      ping(fixture).then(
        () => true,
        () => false,
      ),
    );
    const queues = fixture.queues();
    const done: string[] = [];
    const work = async ({ pod }: { pod: string }) => {
      done.push(pod);
    };
    fixture.workers({ compact: work, clean: work, scan: async () => void done.push('scan') });
    await queues.scheduleScan(60_000);
    await queues.enqueueCompactions(['a', 'b']);
    await queues.enqueueCleanup('c', 10);
    await expectSoon('all done', () => done.length === 4);
    expect(done.toSorted()).toEqual(['a', 'b', 'c', 'scan']);
    const schedule = createPodSchedule(fixture);
    await schedule.decided('a', 60_000);
    expect(await schedule.dueAmong(['a', 'b'])).toEqual(['b']);
  } finally {
    await fixture.close();
    await redis.dispose();
  }
});

test('Sentinels name the master', async () => {
  const master = await startPrivateRedis();
  const sentinel = await startPrivateRedis({
    sentinel: true,
    settings: { sentinel: `monitor my-master 127.0.0.1 ${master.port} 1` },
  });
  // The first one is not there: the second is asked.
  const fixture = createFixture(`redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/my-master/2`, '{sentinel}');
  try {
    await expectSoon('connected', () =>
      ping(fixture).then(
        () => true,
        () => false,
      ),
    );
    const done: string[] = [];
    fixture.workers({
      compact: async ({ pod }) => {
        done.push(pod);
      },
    });
    await fixture.queues().enqueueCompactions(['p']);
    await expectSoon('done', () => done.length === 1);
    const admin = new Redis(`${master.url}/2`);
    expect(await admin.exists('{sentinel}:compaction:meta')).toBe(1);
    admin.disconnect();
  } finally {
    await fixture.close();
    await sentinel.dispose();
    await master.dispose();
  }
});

test('Sentinels have a password of their own, beside the one of the master', async () => {
  const master = await startPrivateRedis({ settings: { requirepass: 'of@the:master' } });
  const sentinel = await startPrivateRedis({
    sentinel: true,
    settings: {
      sentinel: `monitor my-master 127.0.0.1 ${master.port} 1`,
      'sentinel auth-pass': 'my-master of@the:master',
      requirepass: 'of/Sentinel',
    },
  });
  const url = (password: string) =>
    `redis+sentinel://:${encodeURIComponent('of@the:master')}@127.0.0.1:${sentinel.port}/my-master${password}`;
  const fixture = createFixture(url(`?sentinelPassword=${encodeURIComponent('of/Sentinel')}`), '{sentinel}');
  const without = createFixture(url(''), '{sentinel}');
  const answers = (asked: Fixture) =>
    ping(asked).then(
      () => true,
      () => false,
    );
  try {
    await expectSoon('connected', () => answers(fixture));
    expect(await answers(without)).toBe(false);
  } finally {
    await fixture.close();
    await without.close();
    await sentinel.dispose();
    await master.dispose();
  }
});
