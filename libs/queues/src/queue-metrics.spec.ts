import { removeTestKeys, startPrivateRedis, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createFixture, expectSoon } from './fixture.ts';
import { exportQueueMetrics } from './queue-metrics.ts';

test('tells how many jobs there are, by queue and state', async () => {
  const fixture = createFixture(testRedisUrl(), testQueuePrefix());
  try {
    const queues = fixture.queues();
    exportQueueMetrics({ ...fixture, queues });
    await queues.enqueueCompactions(['a', 'b']);
    await queues.enqueueCleanup('a', 3_600_000);
    const { body } = await fixture.metrics.text();
    expect(body).toContain('cordwood_queue_jobs{queue="compaction",state="waiting",app="test"} 2');
    expect(body).toContain('cordwood_queue_jobs{queue="compaction",state="failed",app="test"} 0');
    expect(body).toContain('cordwood_queue_jobs{queue="cleanup",state="delayed",app="test"} 1');
    expect(body).toContain('cordwood_queue_jobs{queue="sweep",state="active",app="test"} 0');
    expect(body).toContain('cordwood_redis_noeviction{app="test"} 1');
  } finally {
    await fixture.close();
    await removeTestKeys(fixture.prefix);
  }
});

test('a policy that is changed is told of, and while Redis is away only the rest is', async () => {
  const redis = await startPrivateRedis();
  const fixture = createFixture(redis.url, '{metrics}');
  try {
    exportQueueMetrics({ ...fixture, queues: fixture.queues() });
    fixture.metrics.counter({ name: 'cordwood_other_total', help: 'Something else.' });
    const text = async () => (await fixture.metrics.text()).body;
    expect(await text()).toContain('cordwood_redis_noeviction{app="test"} 1');
    const admin = new Redis(redis.url);
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    admin.disconnect();
    expect(await text()).toContain('cordwood_redis_noeviction{app="test"} 0');
    await redis.kill();
    await expectSoon('no samples', async () => !/^cordwood_(queue_jobs|redis_noeviction)\{/m.test(await text()));
    expect(await text()).toContain('cordwood_other_total{app="test"} 0');
  } finally {
    await fixture.close();
    await redis.dispose();
  }
});
