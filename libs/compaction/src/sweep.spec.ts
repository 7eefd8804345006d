import { beforeEach, expect, test } from '@jest/globals';
import { MetadataStore } from '@cordwood/log-store';
import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { startCycle } from './cycle-harness.ts';
import { rawBody, rawKeyOf, START } from './raw-writer.ts';
import { sweep, type SweepOptions, type SweepResult } from './sweep.ts';

const [HOUR, DAY] = [3_600_000, 86_400_000] as const;

let store: MemoryObjectStore;
let handedOut: string[][];
let unreadable: string[];
beforeEach(() => {
  store = new MemoryObjectStore(START * 1000);
  handedOut = [];
  unreadable = [];
});

const options = (keepMs?: number): SweepOptions => ({
  store,
  metadata: new MetadataStore(store),
  retention: { rules: { byNamespace: [], otherwise: keepMs }, tombstoneAge: 7 * DAY },
  legacyNamespace: undefined,
  cleanupDelay: 15 * 60_000,
  orphanAge: 6 * HOUR,
  interval: DAY,
  enqueue: (pods) => {
    handedOut.push([...pods]);
    return Promise.resolve(pods.filter((pod) => pod === 'refused'));
  },
  onUnreadable: (pod) => unreadable.push(pod),
});
const run = (keepMs?: number): Promise<SweepResult> => sweep(options(keepMs));

/** A pod that was merged and cleaned, now. */
async function merged(pod: string, second = 0): Promise<void> {
  const cycle = startCycle(store, { cleanupDelay: 0, orphanAge: 0 });
  await store.put(rawKeyOf({ pod }, second, 0), rawBody([second]));
  await cycle.compactor.compact(pod);
  await cycle.cleaner.clean(pod);
}

test('without retention: pods that changed lately may have orphans, others are not even looked at', async () => {
  await merged('old');
  store.clock += 30 * DAY;
  await merged('new');
  store.clock += 6 * HOUR + 2 * DAY - 1000;
  store.requests.clear();
  expect(await run()).toEqual({ pods: 2, lookedAt: 0, due: 1 });
  expect(handedOut).toEqual([['new']]);
  expect(Object.fromEntries(store.requests)).toEqual({ list: 1 });
  store.clock += 1000;
  expect(await run()).toMatchObject({ due: 0 });
});

test('with retention: one request for each of the others, and those with something old are due', async () => {
  await merged('old');
  store.clock += 20 * DAY;
  await merged('newer', 20 * 86_400);
  store.clock += 10 * DAY + 1000;
  store.requests.clear();
  expect(await run(30 * DAY)).toEqual({ pods: 2, lookedAt: 2, due: 1 });
  expect(handedOut).toEqual([['old']]);
  expect(Object.fromEntries(store.requests)).toEqual({ list: 1, get: 2 });
});

test('tombstones that have become old are due, with retention and without', async () => {
  await merged('pod');
  store.clock += 40 * DAY;
  const cleaner = startCycle(store, {
    cleanupDelay: 0,
    retention: { rules: { byNamespace: [], otherwise: DAY }, tombstoneAge: 7 * DAY },
  }).cleaner;
  while ((await cleaner.clean('pod')).againInMs !== undefined);
  store.clock += 3 * DAY;
  expect(await run()).toEqual({ pods: 1, lookedAt: 1, due: 0 });
  store.clock += 4 * DAY;
  expect(await run()).toEqual({ pods: 1, lookedAt: 1, due: 1 });
  // Long missed: only a sweep that looks at all pods finds it.
  store.clock += 30 * DAY;
  expect(await run()).toEqual({ pods: 1, lookedAt: 0, due: 0 });
  expect(await run(60 * DAY)).toEqual({ pods: 1, lookedAt: 1, due: 1 });
});

test('metadata that cannot be understood is reported and holds nothing up; names that cannot be enqueued are not counted', async () => {
  await store.put(metadataKey('broken'), Buffer.from('{'));
  await merged('old');
  await merged('refused');
  store.clock += 40 * DAY;
  expect(await run(30 * DAY)).toEqual({ pods: 3, lookedAt: 3, due: 1 });
  expect(handedOut).toEqual([['old', 'refused']]);
  expect(unreadable).toEqual(['broken']);
});

test('goes page by page, and stops when it is told to', async () => {
  for (let pod = 0; pod < 2500; pod++) await store.put(metadataKey(`p${pod.toString()}`), Buffer.from('{}'));
  expect(await run()).toEqual({ pods: 2500, lookedAt: 0, due: 2500 });
  expect(handedOut.map((pods) => pods.length)).toEqual([1000, 1000, 500]);
  const stop = new AbortController();
  const stopping = {
    ...options(),
    enqueue: () => {
      stop.abort(new Error('enough'));
      return Promise.resolve([]);
    },
  };
  await expect(sweep(stopping, stop.signal)).rejects.toThrow('enough');
});
