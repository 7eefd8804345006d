import { MetadataStore } from '@cordwood/log-store';
import { connectRedis, createQueues } from '@cordwood/queues';
import { createMetrics, type Logger, parseRedisUrl } from '@cordwood/service';
import { eventually, MemoryObjectStore, removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { createSweepHandler } from './sweep.ts';

const ignore = () => undefined;
const logger: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore, child: () => logger };

test('a sweep waits while too many cleanups do, and goes on when there is room', async () => {
  const prefix = testQueuePrefix();
  const target = parseRedisUrl(testRedisUrl());
  if (target === undefined) throw new Error('no Redis URL');
  const connection = connectRedis({ target, logger });
  const queues = createQueues({ connection, prefix, logger });
  try {
    const store = new MemoryObjectStore();
    for (let pod = 0; pod < 1100; pod++) await store.put(`metadata/p${pod.toString()}.json`, Buffer.from('{}'));
    let looks = 0;
    const counts: typeof queues.counts = () => {
      looks++;
      return queues.counts();
    };
    const handler = createSweepHandler({
      store,
      metadata: new MetadataStore(store),
      retention: { rules: { byNamespace: [], otherwise: undefined }, tombstoneAge: 1000 },
      legacyNamespace: undefined,
      cleanupDelay: 1000,
      orphanAge: 1000,
      interval: 1000,
      queues: { ...queues, counts },
      metrics: createMetrics({ app: 'test', version: '0', defaults: false }),
      maxWaiting: 1000,
    });
    const waiting = async () => (await queues.counts()).cleanup.waiting;
    const { signal } = new AbortController();
    const done = handler({}, { log: logger, signal, jobId: 'sweep', attempt: 1, isAbout: () => {} });
    await eventually('the first page is enqueued', async () => (await waiting()) === 1000);
    let ended = false;
    void Promise.resolve(done).finally(() => (ended = true));
    const before = looks;
    await eventually('it has looked again, more than once', () => looks > before + 1);
    expect([await waiting(), ended]).toEqual([1000, false]);
    await removeTestKeys(prefix);
    await done;
    expect(await waiting()).toBe(100);
  } finally {
    await queues.close();
    await connection.close();
    await removeTestKeys(prefix);
  }
});
