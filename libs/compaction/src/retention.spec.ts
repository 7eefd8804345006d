import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MetadataError } from '@cordwood/pod-metadata';
import { metadataKey } from '@cordwood/s3-key-format';
import { Crash, DyingStore, MemoryObjectStore } from '@cordwood/testkit';
import { type Cycle, readAll, startCycle } from './cycle-harness.ts';
import { NAMESPACE, POD, rawBody, rawKeyOf, START, textOf } from './raw-writer.ts';
import { retentionReport } from './retention.ts';

const DAY = 86_400_000;
const DELAY = 60_000;
const ORPHAN_AGE = 3_600_000;
const TOMBSTONE_AGE = 7 * DAY;
const [FIRST, SECOND] = ['a'.repeat(64), 'b'.repeat(64)] as const;
const RULES = { byNamespace: [{ pattern: 'prod', keepMs: undefined }], otherwise: 30 * DAY };

const start = (): Cycle =>
  startCycle(store, {
    cleanupDelay: DELAY,
    orphanAge: ORPHAN_AGE,
    retention: { rules: RULES, tombstoneAge: TOMBSTONE_AGE },
  });

let store: MemoryObjectStore;
let cycle: Cycle;
beforeEach(() => {
  store = new MemoryObjectStore(START * 1000);
  cycle = start();
});

const put = async (seconds: readonly number[], index: number, containerId = FIRST, namespace = NAMESPACE) => {
  store.clock += 1000;
  const second = seconds[0] ?? 0;
  await store.put(rawKeyOf({ namespace, containerId }, second, index), rawBody(seconds));
};
const keys = (prefix = ''): string[] => [...store.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
const metadata = async () => (await cycle.options.metadata.read(POD)).metadata;
const text = async (containerId?: string, namespace = NAMESPACE) => cycle.text(POD, namespace, containerId);
const wait = (ms: number) => void (store.clock += ms);
/** Cleans as long as anything is left that is to be deleted. */
const settle = async () => {
  for (;;) {
    const { againInMs } = await cycle.cleaner.clean(POD);
    if (againInMs === undefined) return;
    wait(againInMs);
  }
};
/** What others do at the worst moment: once, just before the next request of this kind. */
const beforeNext = (operation: string, prefix: string, others: () => Promise<void>): void => {
  store.before = async (requested, key) => {
    if (requested !== operation || !key.startsWith(prefix)) return;
    store.before = () => undefined;
    await others();
  };
};

/** A StatefulSet's pod: two runs of the same name, merged and cleaned, 40 days apart. */
const LATER = 40 * 86_400;
async function twoRuns(): Promise<void> {
  await put([0, 1], 0);
  await put([60, 61], 1);
  await cycle.compactor.compact(POD);
  await settle();
  store.clock = (START + LATER) * 1000;
  await put([LATER, LATER + 1], 0, SECOND);
  await cycle.compactor.compact(POD);
}

/** The cleaner works as if it had looked before these raw files were there, and before any orphans. */
async function cleanWithout(hidden: readonly string[]): ReturnType<Cycle['cleaner']['clean']> {
  const list = store.list.bind(store);
  store.list = async function* (options) {
    for await (const page of list(options)) {
      const objects = page.objects.filter(({ key }) => !hidden.includes(key) && !key.startsWith('data/'));
      yield { ...page, objects };
    }
  };
  try {
    return await cycle.cleaner.clean(POD);
  } finally {
    store.list = list;
  }
}

describe('a pod with an old run and a new one', () => {
  test('loses the old one: metadata first, files after the delay, a tombstone stays', async () => {
    await twoRuns();
    const [old = ''] = keys(`data/${POD}/${FIRST}`);
    const cleaned = await cycle.cleaner.clean(POD);
    expect(cleaned).toMatchObject({ expiredInstances: 1, expiredFiles: 1, expiredBytes: store.objects.get(old)?.size });
    expect(keys(`data/${POD}/${FIRST}`)).toEqual([old]);
    expect(await text()).toBe(textOf([LATER, LATER + 1]));
    wait(DELAY);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ expiredInstances: 0, deletedSuperseded: 1 });
    expect(keys(`data/${POD}/${FIRST}`)).toEqual([]);
    expect(await text()).toBe(textOf([LATER, LATER + 1]));
    expect((await metadata()).deleted).toMatchObject([
      { namespace: NAMESPACE, container: POD, container_id: FIRST, reason: 'retention' },
    ]);
  });

  test('keeps for the delay what a reader has begun to read', async () => {
    await twoRuns();
    const { instances } = await cycle.reader.open(POD);
    await cycle.cleaner.clean(POD);
    wait(DELAY - 1);
    await cycle.cleaner.clean(POD);
    expect(await readAll(cycle.reader.text(instances))).toBe(textOf([0, 1, 60, 61, LATER, LATER + 1]));
  });

  test('loses nothing without retention, nor where its namespace keeps logs for ever', async () => {
    await put([0], 0, FIRST, 'prod');
    await cycle.compactor.compact(POD);
    await twoRuns();
    await settle();
    expect(await text(undefined, 'prod')).toBe(textOf([0]));
    expect(await text()).toBe(textOf([LATER, LATER + 1]));

    wait(400 * DAY);
    expect(await startCycle(store).cleaner.clean(POD)).toMatchObject({ expiredInstances: 0, forgotten: 0 });
    expect(await text()).toBe(textOf([LATER, LATER + 1]));
  });

  test('loses the copies of its damaged raw objects, too', async () => {
    await put([0], 0);
    store.clock += 1000;
    const truncated = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1]);
    await store.put(rawKeyOf({ containerId: FIRST }, 30, 1), truncated);
    await cycle.compactor.compact(POD);
    expect(keys('damaged/')).toHaveLength(1);
    wait(31 * DAY);
    await settle();
    expect(keys()).toEqual([metadataKey(POD)]);
    expect(await metadata()).toMatchObject({ damaged: [], superseded: [], merged_raw: [], log_files: [] });
  });
});

describe('new raw files meanwhile', () => {
  beforeEach(async () => {
    await put([0, 1], 0);
    await cycle.compactor.compact(POD);
    await settle();
    store.clock = (START + LATER) * 1000;
  });

  test('that are there already: the log is kept, whole', async () => {
    await put([LATER], 1);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ expiredInstances: 0 });
    expect(await text()).toBe(textOf([0, 1, LATER]));
  });

  test('that are merged just before the deletion is committed: the deletion is lost, the log kept', async () => {
    beforeNext('put', 'metadata/', async () => {
      await put([LATER], 1);
      await cycle.compactor.compact(POD);
    });
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ expiredInstances: 0 });
    await settle();
    expect(await text()).toBe(textOf([0, 1, LATER]));
    expect((await metadata()).deleted).toEqual([]);
  });

  test('that are being merged when the deletion is committed: the merge is lost, starts over, and keeps what is new', async () => {
    await put([LATER], 1);
    const hidden = keys('kube.');
    beforeNext('put', 'metadata/', async () => {
      expect(await cleanWithout(hidden)).toMatchObject({ expiredInstances: 1 });
    });
    await cycle.compactor.compact(POD);
    expect(await text()).toBe(textOf([LATER]));
    await settle();
    expect(await text()).toBe(textOf([LATER]));
    expect((await metadata()).deleted).toHaveLength(1);
  });

  test('that arrive after the deletion: older records stay deleted, newer ones are read, raw and merged', async () => {
    await cycle.cleaner.clean(POD);
    const limit = LATER - 30 * 86_400;
    await put([0, 1, limit - 1, limit + 1], 1);
    await put([2, 3], 2);
    expect(await text()).toBe(textOf([limit + 1]));
    expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 2, records: 1 });
    expect(await text()).toBe(textOf([limit + 1]));
    // The one file that is left becomes too old as well; there is one tombstone all the time, as it tells that this is not all.
    await settle();
    expect(keys('kube.')).toEqual([]);
    expect((await metadata()).deleted).toHaveLength(1);
    expect((await metadata()).log_files).toEqual([]);
    wait(TOMBSTONE_AGE);
    await settle();
    expect(keys()).toEqual([]);
  });

  test('a tombstone stays as long as there are newer files of its instance', async () => {
    await cycle.cleaner.clean(POD);
    await put([LATER + 1], 1);
    await cycle.compactor.compact(POD);
    wait(TOMBSTONE_AGE + DAY);
    await settle();
    expect((await metadata()).deleted).toHaveLength(1);
    expect(await text()).toBe(textOf([LATER + 1]));
  });
});

test('late files under a tombstone: the same text whatever of them is merged', async () => {
  const LIMIT = 1000;
  const file = fc.record({ pauses: fc.array(fc.nat(40), { minLength: 1, maxLength: 8 }), merge: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 8 }), async (files) => {
      store = new MemoryObjectStore(START * 1000);
      cycle = start();
      await put([0], 0);
      await cycle.compactor.compact(POD);
      store.clock = (START + LIMIT) * 1000 + 30 * DAY;
      expect(await cycle.cleaner.clean(POD)).toMatchObject({ expiredInstances: 1 });
      let second = LIMIT - 80;
      const kept: number[] = [];
      for (const [index, { pauses, merge }] of files.entries()) {
        const seconds = pauses.map((pause) => (second += 1 + pause));
        await put(seconds, index + 1);
        // Records stand a nanosecond after their second.
        kept.push(...seconds.filter((at) => at >= LIMIT));
        expect(await text()).toBe(textOf(kept));
        if (merge) await cycle.compactor.compact(POD);
        expect(await text()).toBe(textOf(kept));
      }
    }),
    { numRuns: 150 },
  );
});

describe('a log that is wholly deleted', () => {
  const NEW = 31 * 86_400;
  beforeEach(async () => {
    await put([0], 0);
    await cycle.compactor.compact(POD);
    wait(31 * DAY);
    await settle();
    wait(TOMBSTONE_AGE);
  });

  test('is forgotten with its tombstone: no metadata is left', async () => {
    expect(keys()).toEqual([metadataKey(POD)]);
    // It was cleaned once more in the meantime.
    wait(-2 * DELAY);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 0 });
    wait(2 * DELAY);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 1, againInMs: undefined });
    expect(keys()).toEqual([]);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 0, againInMs: undefined });
  });

  test('keeps an empty metadata where the store has no conditional deletes', async () => {
    store.deleteUnchanged = () => Promise.resolve(false);
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 1 });
    expect(await metadata()).toMatchObject({ deleted: [], log_files: [] });
    expect(keys()).toEqual([metadataKey(POD)]);
  });

  test('and gets new raw files just before its metadata is deleted: the deletion is lost', async () => {
    beforeNext('delete', 'metadata/', async () => {
      await put([NEW], 1);
      await cycle.compactor.compact(POD);
    });
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 0 });
    await settle();
    expect(await text()).toBe(textOf([NEW]));
  });

  test('and is being merged anew when its metadata is deleted: the merge is lost and starts over', async () => {
    await put([NEW], 1);
    const hidden = keys('kube.');
    beforeNext('put', 'metadata/', async () => {
      expect(await cleanWithout(hidden)).toMatchObject({ forgotten: 1 });
      expect(keys('metadata/')).toEqual([]);
    });
    await cycle.compactor.compact(POD);
    await settle();
    expect(keys('kube.')).toEqual([]);
    expect(await text()).toBe(textOf([NEW]));
  });

  test('is not forgotten while a lost merge has left files behind', async () => {
    await store.put(`data/${POD}/${FIRST}/202611201000_7.gz`, Buffer.from('x'));
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ forgotten: 0, againInMs: ORPHAN_AGE });
    await settle();
    expect(keys()).toEqual([]);
  });
});

test.each([
  ['before it is carried out', false],
  ['after it was carried out', true],
])(
  'a cleaner dies at any request, %s: the new run is whole all the time, and the next one finishes',
  async (_, afterwards) => {
    const cleanAndForget = async () => {
      await settle();
      wait(TOMBSTONE_AGE);
      await settle();
    };
    let deaths = 0;
    for (let n = 0; ; n++) {
      const dying = new DyingStore(START * 1000);
      store = dying;
      cycle = start();
      await twoRuns();
      dying.dieAt(n, afterwards);
      let dead = false;
      try {
        await cleanAndForget();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        dead = true;
      }
      dying.revive();
      expect([n, await text(SECOND)]).toEqual([n, textOf([LATER, LATER + 1])]);
      expect([n, ['', textOf([0, 1, 60, 61])].includes(await text(FIRST))]).toEqual([n, true]);
      await cleanAndForget();
      expect([n, await text()]).toEqual([n, textOf([LATER, LATER + 1])]);
      expect([n, keys()]).toEqual([n, [...(await metadata()).log_files.map(({ key }) => key), metadataKey(POD)]]);
      expect((await metadata()).deleted).toEqual([]);
      if (!dead) break;
      deaths++;
    }
    expect(deaths).toBeGreaterThan(10);
  },
);

test.each([
  ['fields of a later program', { more: 1 }],
  ['pages of older entries', { older: ['metadata/x/1.json'] }],
])('nothing is deleted by age from metadata with %s', async (_, change) => {
  await put([0], 0);
  await cycle.compactor.compact(POD);
  await settle();
  await store.put(metadataKey(POD), Buffer.from(JSON.stringify({ ...(await metadata()), ...change })));
  wait(100 * DAY);
  expect(await cycle.cleaner.clean(POD)).toMatchObject({ expiredInstances: 0, forgotten: 0 });
  expect(await text()).toBe(textOf([0]));
});

test('nothing is deleted when the metadata cannot be understood', async () => {
  await put([0], 0);
  await cycle.compactor.compact(POD);
  await store.put(metadataKey(POD), Buffer.from('{"version":2}'));
  const before = keys();
  wait(100 * DAY);
  await expect(cycle.cleaner.clean(POD)).rejects.toThrow(MetadataError);
  expect(keys()).toEqual(before);
});

test('what a deletion by age costs, as adr/0008 says', async () => {
  await put([0], 0);
  await cycle.compactor.compact(POD);
  await settle();
  wait(31 * DAY);
  store.requests.clear();
  await settle();
  expect(Object.fromEntries(store.requests)).toEqual({ list: 3, get: 2, put: 2, delete: 1 });
  wait(TOMBSTONE_AGE);
  store.requests.clear();
  await settle();
  expect(Object.fromEntries(store.requests)).toEqual({ list: 3, get: 1, delete: 1 });
});

test('the report tells what a cleaning would do, and changes nothing', async () => {
  await twoRuns();
  await store.put(metadataKey('broken'), Buffer.from('{'));
  const unreadable: string[] = [];
  const report = async () => {
    const found = [];
    const options = {
      store,
      metadata: cycle.options.metadata,
      rules: RULES,
      legacyNamespace: undefined,
      onUnreadable: (pod: string) => unreadable.push(pod),
    };
    for await (const each of retentionReport(options)) found.push(each);
    return found;
  };
  store.requests.clear();
  expect(await report()).toEqual([
    {
      pod: POD,
      expired: expect.objectContaining({ containerId: FIRST, namespace: NAMESPACE, container: POD, records: 4 }),
    },
  ]);
  expect(unreadable).toEqual(['broken']);
  expect([...store.requests.keys()].toSorted()).toEqual(['get', 'list']);
  // A log that is still written to.
  await put([100], 2);
  expect(await report()).toEqual([]);
  store.objects.delete(rawKeyOf({ containerId: FIRST }, 100, 2));
  expect(await report()).toHaveLength(1);
  await cycle.cleaner.clean(POD);
  expect(await report()).toEqual([]);
});
