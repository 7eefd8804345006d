import { connectRedis, createBacklogRecord } from '@cordwood/queues';
import { createLogger, createMetrics, type Logger, parseRedisUrl } from '@cordwood/service';
import { MemoryObjectStore, removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createBacklogMeter } from './backlog.ts';

const KEY = (pod: string) => `kube.var.log.containers.${pod}_ns_main-0a/202611201000__0.gz`;
const silent: Logger = createLogger({ app: 'test', level: 'error' });

let prefix: string;
let connection: ReturnType<typeof connectRedis>;
beforeEach(() => {
  prefix = testQueuePrefix();
  const target = parseRedisUrl(testRedisUrl());
  if (target === undefined) throw new Error('no Redis URL');
  connection = connectRedis({ target, logger: silent });
});
afterEach(async () => {
  await connection.close();
  await removeTestKeys(prefix);
});

function replica(store: MemoryObjectStore) {
  const metrics = createMetrics({ app: 'test', version: '0', defaults: false });
  const count = createBacklogMeter({ store, record: createBacklogRecord({ connection, prefix }), metrics });
  return {
    count: () => count(silent, new AbortController().signal),
    samples: async () => {
      const { body } = await metrics.text();
      const samples = body.matchAll(/^cordwood_raw_(\w+)\{[^}]*\} (\S+)$/gm);
      return Object.fromEntries(Array.from(samples, ([, name = '', value]) => [name, Number(value)] as const));
    },
  };
}

test('one replica counts, all tell of it', async () => {
  const store = new MemoryObjectStore(Date.UTC(2026, 10, 21));
  const [one, other] = [replica(store), replica(store)];
  expect(await one.samples()).toEqual({});
  await store.put(KEY('a'), Buffer.from('abc'));
  store.clock += 60_000;
  await store.put(KEY('b'), Buffer.from('abcde'));
  store.requests.clear();
  await one.count();
  await other.count();
  expect(Object.fromEntries(store.requests)).toEqual({ list: 1 });
  const seconds = Date.UTC(2026, 10, 21) / 1_000;
  const expected = {
    files: 2,
    bytes: 8,
    oldest_file_timestamp_seconds: seconds,
    counted_to_the_end: 1,
  };
  expect(await one.samples()).toEqual(expected);
  expect(await other.samples()).toEqual(expected);
});

test('without raw files there is no oldest one', async () => {
  const { count, samples } = replica(new MemoryObjectStore());
  await count();
  const figures = await samples();
  expect(figures).toMatchObject({ files: 0, bytes: 0 });
  expect(figures).not.toHaveProperty('oldest_file_timestamp_seconds');
});

test('a count that fails fails nothing else, and is tried again by the next scan', async () => {
  const store = new MemoryObjectStore();
  await store.put(KEY('a'), Buffer.from('abc'));
  store.before = () => {
    throw new Error('away');
  };
  const { count, samples } = replica(store);
  await count();
  expect(await samples()).toEqual({});
  store.before = () => undefined;
  await count();
  expect(await samples()).toMatchObject({ files: 1 });
});
