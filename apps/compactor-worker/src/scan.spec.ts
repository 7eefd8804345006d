import type { ListOptions, ListPage } from '@cordwood/log-store';
import { connectRedis, createPodSchedule, createQueues, createScanPosition } from '@cordwood/queues';
import { createMetrics, type Logger, parseRedisUrl } from '@cordwood/service';
import { MemoryObjectStore, removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { createScanHandler, type ScanHandlerOptions } from './scan.ts';

const PAGE = 1_000;
const HOUR_MS = 3_600_000;

/** A bucket with so many pods under the raw prefix that none of them is ever held: pages are made when they are asked for. */
class ManyPods extends MemoryObjectStore {
  pages = 0;
  readonly pods: number;

  constructor(pods: number) {
    super();
    this.pods = pods;
  }

  override async *list({ prefix, startAfter = '' }: ListOptions): AsyncIterable<ListPage> {
    const first = Number(/job-(\d+)/.exec(startAfter)?.[1] ?? -1) + 1;
    for (let from = first; from < this.pods; from += PAGE) {
      this.pages++;
      const pods = names(from, Math.min(from + PAGE, this.pods));
      yield await Promise.resolve({ objects: [], prefixes: pods.map((pod) => `${prefix}${pod}_`) });
    }
  }
}

const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `job-${(from + index).toString().padStart(6, '0')}`);

function open() {
  const prefix = testQueuePrefix();
  const target = parseRedisUrl(testRedisUrl());
  if (target === undefined) throw new Error('no Redis URL');
  const lines: Record<string, unknown>[] = [];
  const ignore = () => undefined;
  const keep = (message: string, fields = {}) => void lines.push({ message, ...fields });
  const logger: Logger = { error: ignore, warn: keep, info: keep, debug: ignore, child: () => logger };
  const connection = connectRedis({ target, logger });
  const queues = createQueues({ connection, prefix, logger });
  const podSchedule = createPodSchedule({ connection, prefix });
  const compaction = new Queue('compaction', { connection: connection.producer, prefix });
  const handler = (store: MemoryObjectStore, options: Partial<ScanHandlerOptions> = {}) =>
    createScanHandler({
      store,
      queues,
      podSchedule,
      position: createScanPosition({ connection, prefix }),
      findings: { onStrayKey: ignore },
      metrics: createMetrics({ app: 'test', version: '0', defaults: false }),
      countBacklog: async () => undefined,
      releaseAfterMs: HOUR_MS,
      patienceMs: 0,
      ...options,
    });
  /** Runs one scan, and gives what it logs. */
  const run = async (scan: ReturnType<typeof handler>) => {
    await scan({}, { log: logger, signal: new AbortController().signal, jobId: 'scan', attempt: 1, isAbout: () => {} });
    return lines.findLast(({ message }) => message === 'bucket scanned') ?? {};
  };
  return {
    prefix,
    lines,
    handler,
    run,
    podSchedule,
    compaction,
    queues,
    commands: () => jest.spyOn(connection.producer, 'sendCommand'),
    /** The same, of a process of its own. */
    scan: (store: MemoryObjectStore, options?: Partial<ScanHandlerOptions>) => run(handler(store, options)),
    waiting: async () => (await queues.counts()).compaction.waiting,
    close: async () => {
      await compaction.close();
      await queues.close();
      await connection.close();
      await removeTestKeys(prefix);
    },
  };
}

let system: ReturnType<typeof open>;
beforeEach(() => void (system = open()));
afterEach(() => system.close());

test('2,000 pods with nothing due: two listings, and a few commands to Redis', async () => {
  const store = new MemoryObjectStore();
  const pods = names(0, 2_000);
  for (const pod of pods)
    await store.put(`kube.var.log.containers.${pod}_ns_main-0a/202611201000__0.gz`, Buffer.from('x'));
  await Promise.all(pods.map((pod) => system.podSchedule.decided(pod, HOUR_MS)));
  await system.scan(store);
  store.requests.clear();
  const commands = system.commands();
  expect(await system.scan(store)).toMatchObject({ pods: 2_000, due: 0, enqueued: 0, toTheEnd: true });
  expect(Object.fromEntries(store.requests)).toEqual({ list: 2 });
  const sent = commands.mock.calls.map(([{ name }]) => name);
  expect(sent.filter((name) => name === 'mget')).toHaveLength(2);
  // What is done for every scan, whatever it sees.
  expect(sent.length).toBeLessThan(30);
});

test('100,000 pods at rest: one page is held at a time, one command asks for all of it', async () => {
  const store = new ManyPods(100_000);
  const seen: number[] = [];
  const commands = system.commands();
  const dueAmong = async (pods: readonly string[]) => {
    seen.push(store.pages);
    await system.podSchedule.dueAmong(pods);
    return [];
  };
  expect(await system.scan(store, { podSchedule: { dueAmong } })).toMatchObject({ pods: 100_000, due: 0 });
  // The next page was asked for when the one before was done with.
  expect(seen).toEqual(Array.from({ length: 100 }, (_, page) => page + 1));
  expect(commands.mock.calls.length).toBeLessThan(130);
});

test('30,000 pods that are due: no more wait than may, and each has its turn before any has another', async () => {
  const PODS = 30_000;
  const maxWaiting = 5_000;
  const store = new ManyPods(PODS);
  const turns: string[] = [];
  const queues = {
    ...system.queues,
    enqueueCompactions: (pods: readonly string[]) => {
      turns.push(...pods);
      return system.queues.enqueueCompactions(pods);
    },
  };
  let scans = 0;
  for (; turns.length < PODS; scans++) {
    const pages = store.pages;
    await system.scan(store, { queues, maxWaiting });
    expect(await system.waiting()).toBeLessThan(maxWaiting + PAGE);
    // Those that are handed out, and the one that there was no room for.
    expect(store.pages - pages).toBeLessThanOrEqual(maxWaiting / PAGE + 1);
    // While nobody works, nothing is added, and one page is looked at.
    const full = await system.waiting();
    expect(await system.scan(store, { queues, maxWaiting })).toMatchObject({ pods: 0, enqueued: 0, toTheEnd: false });
    expect(await system.waiting()).toBe(full);
    // Workers take all, and none of the pods goes to rest: they are due at once again.
    await system.compaction.drain();
  }
  expect(turns).toEqual(names(0, PODS));
  expect(scans).toBe(PODS / maxWaiting);
  // The last one of them came to the end.
  await system.scan(store, { queues, maxWaiting });
  expect(turns.slice(PODS)).toEqual(names(0, maxWaiting));
});

test('a scan waits for room, as long as it may, and goes on', async () => {
  const store = new ManyPods(2_500);
  let looks = 0;
  const counts: typeof system.queues.counts = async () => {
    // A worker takes what waits, some time after the scan has found no room.
    if (++looks === 3) await system.compaction.drain();
    return system.queues.counts();
  };
  const queues = { ...system.queues, counts };
  const line = await system.scan(store, { queues, maxWaiting: 1_000, patienceMs: HOUR_MS, podSchedule: alwaysTwice() });
  expect(line).toMatchObject({ toTheEnd: true });
  expect(Number(line['waitedMs'])).toBeGreaterThan(0);
  expect(line).not.toHaveProperty('after');
});

/** Pods are due; those of the second page no longer when they are asked for again. */
function alwaysTwice(): ScanHandlerOptions['podSchedule'] {
  const asked = new Set<string>();
  return {
    dueAmong: async (pods) => {
      const key = pods[0] ?? '';
      if (asked.has(key)) return [];
      asked.add(key);
      return [...pods];
    },
  };
}

test('a scan that is cut off is gone on with where it was', async () => {
  const store = new ManyPods(3_000);
  let calls = 0;
  const enqueueCompactions: typeof system.queues.enqueueCompactions = async (pods) => {
    if (++calls === 3) throw new Error('Redis is away');
    return system.queues.enqueueCompactions(pods);
  };
  await expect(system.scan(store, { queues: { ...system.queues, enqueueCompactions } })).rejects.toThrow('away');
  expect(await system.scan(store)).toMatchObject({ after: 'job-001999', pods: 1_000, due: 1_000, toTheEnd: true });
  expect(await system.waiting()).toBe(3_000);
  // The next one begins with the first pod.
  expect(await system.scan(store)).toMatchObject({ pods: 3_000, toTheEnd: true });
});

describe('pods whose compaction is kept as failed', () => {
  /** As a worker leaves a compaction that failed for good. */
  const fail = async (pods: readonly string[]): Promise<void> => {
    await system.queues.enqueueCompactions(pods);
    const token = 'test';
    const worker = new Worker('compaction', null, { connection: { url: testRedisUrl() }, prefix: system.prefix });
    try {
      for (const pod of pods) {
        const job = await worker.getNextJob(token, { block: false });
        await job.moveToFailed(new UnrecoverableError(`no good: ${pod}`), token, false);
      }
    } finally {
      await worker.close();
    }
    expect((await system.queues.counts()).compaction).toMatchObject({ waiting: 0, failed: pods.length });
  };
  const told = () => system.lines.filter(({ message }) => String(message).startsWith('pod left alone'));

  test('many more than one that matters: nothing is fetched of those that no due pod has', async () => {
    const failing = names(0, 1_500);
    await fail(failing);
    // Of those that failed, the last one alone has raw files.
    const store = new MemoryObjectStore();
    const pod = failing.at(-1) ?? '';
    await store.put(`kube.var.log.containers.${pod}_ns_main-0a/202611201000__0.gz`, Buffer.from('x'));
    const explained: (readonly string[])[] = [];
    const queues = {
      ...system.queues,
      explainFailed: (pods: readonly string[], firstMs: number) => {
        explained.push(pods);
        return system.queues.explainFailed(pods, firstMs);
      },
      // It looks at a thousand on its own account.
      releaseFailed: async () => ({ compactions: [], released: 0, removed: 0 }),
    };
    const handler = system.handler(store, { queues });
    const commands = system.commands();
    expect(await system.run(handler)).toMatchObject({ due: 1, enqueued: 0, blocked: 1 });
    expect(explained).toEqual([[pod]]);
    expect(commands.mock.calls.length).toBeLessThan(40);
    expect(told()).toEqual([
      expect.objectContaining({
        pod,
        reason: `no good: ${pod}`,
        failures: 1,
        triedAgainAt: expect.any(String),
      }),
    ]);
    // It has been told.
    expect(await system.run(handler)).toMatchObject({ blocked: 1 });
    expect(told()).toHaveLength(1);
  });

  test('all that are due: their number is told at once, why in portions, and each once', async () => {
    await fail(names(0, 250));
    const handler = system.handler(new ManyPods(300));
    const perScan: number[] = [];
    for (let scan = 0; scan < 4; scan++) {
      const before = told().length;
      expect(await system.run(handler)).toMatchObject({ due: 300, blocked: 250 });
      perScan.push(told().length - before);
    }
    expect(perScan).toEqual([100, 100, 50, 0]);
    expect(new Set(told().map(({ pod }) => pod)).size).toBe(250);
    expect(await system.waiting()).toBe(50);
  });
});
