import { beforeEach, describe, expect, test } from '@jest/globals';
import { MetadataStore, type ObjectStore } from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { gzipSync } from 'node:zlib';
import { type Cycle, readAll, startCycle } from './cycle-harness.ts';
import { DEFAULT_LIMITS } from './options.ts';
import { CONTAINER_ID, messageAt, NAMESPACE, POD, rawBody, rawKey, textOf, timeAt } from './raw-writer.ts';

let store: MemoryObjectStore;
let cycle: Cycle;
beforeEach(() => {
  store = new MemoryObjectStore();
  cycle = startCycle(store, { cleanupDelay: 60_000, orphanAge: 3_600_000 });
});
const keys = (prefix: string): string[] => [...store.objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
const text = async (): Promise<string> => cycle.text(POD, NAMESPACE);
const metadata = async () => (await new MetadataStore(store).read(POD)).metadata;
const put = async (second: number, index: number, seconds: readonly number[]): Promise<void> => {
  store.clock += 1000;
  await store.put(rawKey(second, index), rawBody(seconds));
};
/** What others do at the worst moment: once, just before the next request of this kind. */
const beforeNext = (operation: string, prefix: string, others: () => void | Promise<void>): void => {
  store.before = async (requested, key) => {
    if (requested !== operation || !key.startsWith(prefix)) return;
    store.before = () => undefined;
    await others();
  };
};

test('a cleaned, idle pod has no raw files, and exactly the merged files that its metadata lists', async () => {
  await put(0, 0, [0, 1, 2]);
  await put(60, 1, [60, 61]);
  await cycle.compactor.compact(POD);
  await put(120, 2, [120]);
  const { cleanInMs } = await cycle.compactor.compact(POD);
  expect(cleanInMs).toBeGreaterThan(0);
  expect(cleanInMs).toBeLessThanOrEqual(60_000);
  store.clock += 60_000;
  expect(await cycle.cleaner.clean(POD)).toEqual({
    namespaces: [NAMESPACE],
    deletedRaw: 3,
    deletedSuperseded: 1,
    deletedOrphans: 0,
    expiredInstances: 0,
    expiredFiles: 0,
    expiredBytes: 0,
    forgotten: 0,
    againInMs: undefined,
  });
  expect(keys('kube.')).toEqual([]);
  expect(keys('data/')).toEqual((await metadata()).log_files.map(({ key }) => key).toSorted());
  expect(await metadata()).toMatchObject({ merged_raw: [], superseded: [], damaged: [] });
  expect(await text()).toBe(textOf([0, 1, 2, 60, 61, 120]));
});

test('nothing is deleted before the delay is over', async () => {
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  store.clock += 59_000;
  expect((await cycle.cleaner.clean(POD)).againInMs).toBeGreaterThan(0);
  await cycle.compactor.compact(POD);
  expect(keys('kube.')).toHaveLength(1);
});

test('cleaning deletes superseded files first, raw files next, and their entries last', async () => {
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  await put(60, 1, [60]);
  await cycle.compactor.compact(POD);
  store.clock += 60_000;
  const changes: string[] = [];
  store.before = (operation, key) => {
    if (operation === 'put' || operation === 'delete') changes.push(`${operation} ${key.replace(/[./].*/, '')}`);
  };
  await cycle.cleaner.clean(POD);
  expect(changes).toEqual(['delete data', 'delete kube', 'put metadata']);
});

test('a replaced file stays for the delay, for those who read the metadata before', async () => {
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  const [replaced] = keys('data/');
  const { instances } = await cycle.reader.open(POD);
  await put(60, 1, [60]);
  await cycle.compactor.compact(POD);
  store.clock += 59_000;
  await cycle.cleaner.clean(POD);
  expect((await metadata()).superseded).toMatchObject([{ key: replaced }]);
  expect(await readAll(cycle.reader.text(instances))).toBe(textOf([0]));
  store.clock += 1000;
  await cycle.cleaner.clean(POD);
  expect(keys('data/')).not.toContain(replaced);
});

test('a compaction cleans what is due before it merges, with one commit', async () => {
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  await put(60, 1, [60]);
  store.clock += 60_000;
  expect(await cycle.compactor.compact(POD)).toMatchObject({ deletedRaw: 1, rawFiles: 1, commits: 1 });
  expect(keys('kube.')).toEqual([rawKey(60, 1)]);
  expect(await text()).toBe(textOf([0, 60]));
});

describe('files that arrive late', () => {
  test.each([
    ['between merged files', 60, 7, [60, 61]],
    ['before everything', 0, 9, [1, 2]],
    ['with records among those of a merged file', 0, 5, [30, 121]],
  ])('%s: read at their time, raw and merged', async (_, second, index, seconds) => {
    await put(0, 1, [0, 40]);
    await put(120, 8, [120, 130]);
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    await cycle.cleaner.clean(POD);
    await put(second, index, seconds);
    const expected = textOf([0, 40, 120, 130, ...seconds].toSorted((a, b) => a - b));
    expect(await text()).toBe(expected);
    await cycle.compactor.compact(POD);
    expect(await text()).toBe(expected);
    store.clock += 60_000;
    await cycle.cleaner.clean(POD);
    expect(keys('kube.')).toEqual([]);
    expect(await text()).toBe(expected);
    await put(180, 9, [180]);
    await cycle.compactor.compact(POD);
    expect(await text()).toBe(`${expected}${textOf([180])}`);
  });
});

test('a raw object overwritten after merging is new input, and cleaning deletes only the version it merged', async () => {
  await put(0, 0, [0, 1]);
  await cycle.compactor.compact(POD);
  await put(0, 0, [2, 3]);
  expect(await text()).toBe(textOf([0, 1, 2, 3]));
  store.clock += 60_000;
  await cycle.cleaner.clean(POD);
  expect(keys('kube.')).toEqual([rawKey(0, 0)]);
  expect(await text()).toBe(textOf([0, 1, 2, 3]));
  await cycle.compactor.compact(POD);
  store.clock += 60_000;
  await cycle.cleaner.clean(POD);
  expect(keys('kube.')).toEqual([]);
  expect(await text()).toBe(textOf([0, 1, 2, 3]));
});

test('a store that ignores conditions on deletes loses no object that was overwritten before the listing', async () => {
  const deleteMany = store.deleteMany.bind(store);
  store.deleteMany = async (targets) => deleteMany(targets.map(({ key }) => ({ key })));
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  await put(0, 0, [1]);
  store.clock += 60_000;
  await cycle.cleaner.clean(POD);
  expect(keys('kube.')).toEqual([rawKey(0, 0)]);
  expect(await text()).toBe(textOf([0, 1]));
});

test('a raw object overwritten between the listing and the deletion stays, where the store honours conditions', async () => {
  await put(0, 0, [0]);
  await cycle.compactor.compact(POD);
  store.clock += 60_000;
  beforeNext('delete', 'kube.', () => put(0, 0, [1]));
  await cycle.cleaner.clean(POD);
  expect(keys('kube.')).toEqual([rawKey(0, 0)]);
  expect(await text()).toBe(textOf([0, 1]));
});

test.each([
  ['merged what it read', 'before it commits', 'put', 'metadata/', 0],
  ['merged and cleaned what it read', 'before it commits', 'put', 'metadata/', 60_000],
  ['merged and cleaned what it listed', 'before it reads', 'get', 'kube.', 60_000],
])('a merge starts over when others have %s, and more, %s', async (_done, _when, operation, prefix, ms) => {
  await put(0, 0, [0]);
  beforeNext(operation, prefix, async () => {
    await put(60, 1, [60]);
    await cycle.compactor.compact(POD);
    store.clock += ms;
    await cycle.cleaner.clean(POD);
  });
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 0, commits: 0 });
  expect((await metadata()).log_files).toHaveLength(1);
  expect(await text()).toBe(textOf([0, 60]));
});

test('a raw object that was overwritten and merged since it was listed is not merged again', async () => {
  await put(0, 0, [0]);
  beforeNext('get', 'metadata/', async () => {
    await put(0, 0, [1]);
    await cycle.compactor.compact(POD);
  });
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 0, mergedFiles: 0 });
  expect((await metadata()).merged_raw).toHaveLength(1);
  expect(await text()).toBe(textOf([1]));
});

test('a compaction merges all there is, a commit for every batch', async () => {
  cycle = startCycle(store, { cleanupDelay: 60_000, limits: { ...DEFAULT_LIMITS, files: 2 } });
  for (let i = 0; i < 5; i++) await put(i * 60, i, [i * 60]);
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 5, commits: 3 });
  expect((await metadata()).merged_raw).toHaveLength(5);
  expect(await text()).toBe(textOf([0, 60, 120, 180, 240]));
});

test('records delivered in two raw objects are one, before and after either is merged', async () => {
  await put(0, 0, [0, 1, 2, 3]);
  await put(2, 1, [2, 3, 4]);
  expect(await text()).toBe(textOf([0, 1, 2, 3, 4]));
  await cycle.compactor.compact(POD);
  await put(1, 2, [1, 2, 3, 4, 5]);
  expect(await text()).toBe(textOf([0, 1, 2, 3, 4, 5]));
  await cycle.compactor.compact(POD);
  expect(await text()).toBe(textOf([0, 1, 2, 3, 4, 5]));
});

test('copies of a record are one, though the files that hold them place it differently', async () => {
  // Where more follows, the first record is taken for one that was read late, and stands with the second.
  await put(1010, 0, [1010, 1000]);
  await put(1010, 1, [1010, 1000, 1001]);
  const sorted = async (): Promise<string[]> => (await text()).split('\n').slice(0, -1).toSorted();
  const records = [1000, 1001, 1010].map(messageAt);
  expect(await sorted()).toEqual(records);
  await cycle.compactor.compact(POD);
  expect(await sorted()).toEqual(records);
});

test('equal records of one file are as many as the program wrote', async () => {
  await put(0, 0, [0, 0, 0]);
  await put(0, 1, [0, 0, 0, 0]);
  expect(await text()).toBe(textOf([0, 0, 0, 0]));
  await cycle.compactor.compact(POD);
  expect(await text()).toBe(textOf([0, 0, 0, 0]));
});

test('parts of a line are joined within the order of their own file, wherever a late one lies', async () => {
  const part = (second: number, logtag: string, log: string): string =>
    `${JSON.stringify({ time: timeAt(second), stream: 'stdout', logtag, log })}\n`;
  const bodies = [
    [0, 0, part(0, 'F', 'a') + part(1, 'F', 'b') + part(1, 'F', 'c')],
    [60, 1, part(60, 'F', 'd')],
    [0, 2, part(0, 'P', 'late ') + part(1, 'F', 'line')],
  ] as const;
  for (const [second, index, body] of bodies) {
    store.clock += 1000;
    await store.put(rawKey(second, index), Buffer.from(body));
  }
  expect(await text()).toBe('a\nb\nc\nlate line\nd\n');
  await cycle.compactor.compact(POD);
  expect(await text()).toBe('a\nb\nc\nlate line\nd\n');
});

test('a file of lines that were not parsed stays in its place when it is merged before the next one comes', async () => {
  const raw = `{"time":"${timeAt(7200)}","log":"not parsed"}\n`;
  const play = async (merge: boolean): Promise<string> => {
    store = new MemoryObjectStore();
    cycle = startCycle(store);
    await store.put(rawKey(7200, 0), Buffer.from(raw));
    if (merge) await cycle.compactor.compact(POD);
    await put(0, 0, [0]);
    return text();
  };
  expect(await play(true)).toBe(await play(false));
});

test('a log of which nothing tells a time is merged all the same, in order of arrival', async () => {
  const odd = (log: string): Buffer =>
    Buffer.from(`{"time":"2026-13-45T25:61:61Z","stream":"stdout","log":"${log}"}\n`);
  for (const [index, log] of ['a', 'b', 'c'].entries()) {
    store.clock += 1000;
    await store.put(rawKey(0, index), odd(log));
    expect(await text()).toBe(['a', 'b', 'c'].slice(0, index + 1).join('\n') + '\n');
    await cycle.compactor.compact(POD);
  }
  expect(await text()).toBe('a\nb\nc\n');
});

describe('requests', () => {
  test('a merge needs no more than raw files, merged files and six', async () => {
    for (let i = 0; i < 10; i++) await put(i * 60, i, [i * 60]);
    store.requests.clear();
    const { mergedFiles } = await cycle.compactor.compact(POD);
    const requests = [...store.requests.values()].reduce((sum, count) => sum + count, 0);
    expect(requests).toBeLessThanOrEqual(10 + mergedFiles + 6);
  });

  test('cleaning a pod of ten files needs no more than five', async () => {
    for (let i = 0; i < 10; i++) await put(i * 60, i, [i * 60]);
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    store.requests.clear();
    await cycle.cleaner.clean(POD);
    expect(keys('kube.')).toEqual([]);
    expect([...store.requests.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(5);
  });
});

describe('orphans', () => {
  const orphan = `data/${POD}/${CONTAINER_ID}/202611201000_1.gz`;

  test('are swept when old enough, after a commit that defeats merges in flight', async () => {
    await put(0, 0, [0]);
    await cycle.compactor.compact(POD);
    await store.put(orphan, gzipSync('x'));
    store.clock += 60_000;
    expect((await cycle.cleaner.clean(POD)).againInMs).toBe(3_600_000 - 60_000);
    const inFlight = await new MetadataStore(store).read(POD);
    store.clock += 3_600_000;
    beforeNext('delete', orphan, async () => {
      await expect(
        new MetadataStore(store).commit(POD, inFlight, { ...inFlight.metadata, commit_id: 'late' }),
      ).rejects.toThrow('committed the metadata of job-a first');
    });
    expect(await cycle.cleaner.clean(POD)).toMatchObject({ deletedOrphans: 1, againInMs: undefined });
    expect(keys('data/')).not.toContain(orphan);
    expect(await text()).toBe(textOf([0]));
  });

  test('files of a merge that is frozen before its commit: when it wakes up after the sweep, it starts over', async () => {
    await put(0, 0, [0]);
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    await cycle.cleaner.clean(POD);
    await put(60, 1, [60]);
    beforeNext('put', 'metadata/', async () => {
      store.clock += 3_600_000;
      expect(await cycle.cleaner.clean(POD)).toMatchObject({ deletedOrphans: 1 });
    });
    expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 1, commits: 1 });
    expect(await text()).toBe(textOf([0, 60]));
  });

  test('a file that a frozen merge wants to go on with: when it wakes up after the cleaning, it starts over', async () => {
    await put(0, 0, [0]);
    await cycle.compactor.compact(POD);
    await put(60, 1, [60]);
    beforeNext('get', 'data/', async () => {
      await cycle.compactor.compact(POD);
      store.clock += 3_600_000;
      expect(await cycle.cleaner.clean(POD)).toMatchObject({ deletedRaw: 2, deletedSuperseded: 1 });
      await put(120, 2, [120]);
    });
    expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 1, commits: 1 });
    expect(await text()).toBe(textOf([0, 60, 120]));
  });
});

test('metadata that is gone lists nothing: no file is swept as an orphan, and the next merge lists them all again', async () => {
  await put(0, 0, [0]);
  await put(60, 1, [60]);
  await cycle.compactor.compact(POD);
  store.clock += 60_000;
  await cycle.cleaner.clean(POD);
  store.objects.delete(metadataKey(POD));
  store.clock += 2 * 3_600_000;
  expect(await cycle.cleaner.clean(POD)).toMatchObject({ deletedOrphans: 0, againInMs: undefined });
  await put(120, 2, [120]);
  await cycle.compactor.compact(POD);
  store.clock += 2 * 3_600_000;
  await cycle.cleaner.clean(POD);
  expect(await text()).toBe(textOf([0, 60, 120]));
});

describe('bad input', () => {
  // Two members, the second cut short: what it holds depends on zlib, the first is whole.
  const cut = Buffer.concat([gzipSync(rawBody([0, 1])), gzipSync(rawBody([2, 3])).subarray(0, -20)]);

  test('a gzip cut short: what comes before the damage is kept, the object is set aside, and only then cleaned', async () => {
    store.clock += 1000;
    await store.put(rawKey(0, 0), cut);
    const before = await text();
    expect(cycle.reports).toEqual([{ key: rawKey(0, 0), reason: 'gzip: unexpected end of file' }]);
    beforeNext('put', 'metadata/', () => {
      expect(keys('damaged/')).toHaveLength(1);
    });
    const { damaged } = await cycle.compactor.compact(POD);
    expect(damaged).toBe(1);
    const [entry] = (await metadata()).damaged;
    expect(entry).toMatchObject({ key: rawKey(0, 0), reason: expect.stringMatching(/^gzip: /) });
    expect(store.objects.get(entry?.kept_as ?? '')?.bytes).toEqual(Uint8Array.from(cut));
    expect([textOf([0, 1]), textOf([0, 1, 2]), textOf([0, 1, 2, 3])]).toContain(before);
    expect(await text()).toBe(before);
    store.clock += 60_000;
    await cycle.cleaner.clean(POD);
    expect(keys('kube.')).toEqual([]);
    expect(keys('damaged/')).toHaveLength(1);
  });

  test('a raw line longer than MAX_RECORD is set aside, its neighbours are kept', async () => {
    cycle = startCycle(store, { maxRecord: 10_000 });
    const long = JSON.stringify({ time: timeAt(1), stream: 'stdout', log: 'x'.repeat(20_000) });
    store.clock += 1000;
    await store.put(rawKey(0, 0), Buffer.concat([rawBody([0]), Buffer.from(`${long}\n`), rawBody([2])]));
    expect(await cycle.compactor.compact(POD)).toMatchObject({ damaged: 1, records: 2 });
    expect(await text()).toBe(textOf([0, 2]));
    expect(keys('damaged/')).toHaveLength(1);
  });

  test('what is no raw file is reported and left alone', async () => {
    await put(0, 0, [0]);
    const strays = [`kube.var.log.containers.${POD}_x`, `${rawKey(0, 0)}.tmp`, rawKey(60, 3)];
    for (const key of strays) await store.put(key, Buffer.from(key === rawKey(60, 3) ? '' : 'x'));
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    await cycle.cleaner.clean(POD);
    expect(keys('kube.')).toEqual(strays.toSorted());
    expect(cycle.reports).toContainEqual({ key: rawKey(60, 3), reason: 'empty object' });
    expect(await text()).toBe(textOf([0]));
  });

  test.each([
    ['no JSON', '{"version":', 'not JSON'],
    ['a newer version', '{"version":3,"log_files":[]}', 'newer version'],
    ['something else', '{"version":2,"log_files":"none"}', 'log_files'],
  ])('metadata that is %s stops the pod, and nothing changes', async (_, body, reason) => {
    await put(0, 0, [0]);
    await store.put(metadataKey(POD), Buffer.from(body));
    const before = new Map(store.objects);
    for (const attempt of [cycle.compactor.compact(POD), cycle.cleaner.clean(POD), text()]) {
      await expect(attempt).rejects.toThrow(MetadataError);
    }
    await expect(text()).rejects.toThrow(reason);
    expect(store.objects).toEqual(before);
  });

  test('deletions that the store refuses are named, and tried again', async () => {
    await put(0, 0, [0]);
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    const refusing: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
      deleteMany: async (targets: readonly { key: string }[]) =>
        Promise.resolve({
          deleted: [],
          failed: targets.map(({ key }) => ({ key, code: 'AccessDenied', message: 'no' })),
        }),
    });
    await expect(startCycle(refusing, { cleanupDelay: 60_000 }).cleaner.clean(POD)).rejects.toThrow(
      `delete memory/${rawKey(0, 0)}: AccessDenied`,
    );
    expect((await metadata()).merged_raw).toHaveLength(1);
    await cycle.cleaner.clean(POD);
    expect(keys('kube.')).toEqual([]);
  });
});
