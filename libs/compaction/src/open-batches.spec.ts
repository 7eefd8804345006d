import { setImmediate } from 'node:timers/promises';
import { BufferPool, type GetOptions, listRawFiles, type ObjectBody, type RawObject } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { startCycle } from './cycle-harness.ts';
import { OpenBatches } from './open-batches.ts';
import { NAMESPACE, POD, rawBody, rawKey, textOf } from './raw-writer.ts';

/** Counts the raw objects that were asked for. */
class CountingStore extends MemoryObjectStore {
  readonly asked: string[] = [];

  override async get(key: string, options?: GetOptions): Promise<ObjectBody> {
    if (key.startsWith('kube.')) this.asked.push(key);
    return super.get(key, options);
  }
}

/** Counts what it hands out and takes back. */
class CountingPool extends BufferPool {
  taken = 0;
  readonly given: Buffer[] = [];

  constructor() {
    super(1024 * 1024);
  }

  override take(bytes: number): Buffer {
    this.taken++;
    return super.take(bytes);
  }

  override give(buffer: Buffer): void {
    this.given.push(buffer);
    super.give(buffer);
  }
}

const SIZE = rawBody([0]).length;
const OPTIONS = { keepUpTo: SIZE, maxRecord: 10_000, reorderWindow: 10_000 };

let store: CountingStore;
let objects: readonly RawObject[];

beforeEach(async () => {
  store = new CountingStore();
  for (let index = 0; index < 9; index++) await store.put(rawKey(index, index), rawBody([index]));
  objects = (await listRawFiles(store, POD)).files;
});

/** Until all is done that can be done without the caller. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await setImmediate();
}

const inThrees = (): RawObject[][] => [0, 3, 6].map((from) => objects.slice(from, from + 3));

async function readWhole(file: { records(): AsyncIterable<unknown> }): Promise<void> {
  for await (const _ of file.records());
}

describe('batches of raw files', () => {
  test('are fetched one ahead, with no more bytes in memory than one batch may have', async () => {
    const batches = new OpenBatches({ ...OPTIONS, store, keptBytes: 3 * SIZE }, inThrees());
    await settled();
    expect(store.asked).toHaveLength(3);
    const first = await batches.next();
    await settled();
    // There is no room beside what has not been read.
    expect(store.asked).toHaveLength(3);
    for (const [read, file] of first?.entries() ?? []) {
      await readWhole(file);
      await settled();
      expect(store.asked).toHaveLength(3 + read + 1);
    }
    // The third batch waits for its turn.
    const second = await batches.next();
    await settled();
    expect(second?.map(({ key }) => key)).toEqual(objects.slice(3, 6).map(({ key }) => key));
    expect(store.asked).toHaveLength(6);
    // What was not read gives its room back with its batch.
    expect(await batches.next()).toHaveLength(3);
    expect(await batches.next()).toBeUndefined();
    expect(store.asked).toHaveLength(9);
    batches.close();
  });

  test('are fetched at once where there is room, and a file that is larger than all of it is fetched alone', async () => {
    const roomy = new OpenBatches({ ...OPTIONS, store, keptBytes: 6 * SIZE }, inThrees());
    await roomy.next();
    await settled();
    expect(store.asked).toHaveLength(6);
    roomy.close();
    const tight = new OpenBatches({ ...OPTIONS, store, keptBytes: SIZE - 1 }, [
      [...objects.slice(0, 1)],
      [...objects.slice(1, 2)],
    ]);
    expect(await tight.next()).toHaveLength(1);
    await settled();
    expect(store.asked).toHaveLength(7);
    expect(await tight.next()).toHaveLength(1);
    tight.close();
  });

  test('leave out objects that are gone, and fetch nothing more when they are closed', async () => {
    await store.deleteMany([{ key: rawKey(1, 1) }]);
    const batches = new OpenBatches({ ...OPTIONS, store, keptBytes: 3 * SIZE }, inThrees());
    const first = await batches.next();
    expect(first?.map(({ key }) => key)).toEqual([rawKey(0, 0), rawKey(2, 2)]);
    await settled();
    const asked = store.asked.length;
    batches.close();
    await settled();
    expect(store.asked).toHaveLength(asked);
    await expect(batches.next()).rejects.toThrow('aborted');
  });

  test('give every buffer back, once: of files that are read, are not, or come too late', async () => {
    const pool = new CountingPool();
    const batches = new OpenBatches({ ...OPTIONS, store, keptBytes: 6 * SIZE, buffers: pool }, inThrees());
    const [first] = (await batches.next()) ?? [];
    if (first !== undefined) await readWhole(first);
    await batches.next();
    await settled();
    expect(pool.given).toHaveLength(3);
    batches.close();
    batches.close();
    expect(pool.given).toHaveLength(pool.taken);
    expect(new Set(pool.given).size).toBeLessThanOrEqual(6);
  });
});

test('a compaction of many batches fetches the next one before it commits, and merges each file once', async () => {
  const commits: number[] = [];
  store.before = (operation, key) => {
    if (operation === 'put' && key.startsWith('metadata/')) commits.push(store.asked.length);
  };
  const limits = { keepUpTo: SIZE, keptBytes: 3 * SIZE, files: 500 };
  const cycle = startCycle(store, { limits });
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 9, commits: 3 });
  expect(commits).toEqual([6, 9, 9]);
  expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([0, 1, 2, 3, 4, 5, 6, 7, 8]));
});
