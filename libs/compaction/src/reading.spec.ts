import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { MemoryObjectStore } from '@cordwood/testkit';
import { readAll, startCycle } from './cycle-harness.ts';
import { CONTAINER_ID, NAMESPACE, POD, rawBody, rawKey, textOf } from './raw-writer.ts';

/** What happens to a read when compaction gets in between its requests. */

const ALL = [0, 60, 120];

async function rawPod(): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore();
  for (const [index, second] of ALL.entries()) {
    store.clock += 1000;
    await store.put(rawKey(second, index), rawBody([second]));
  }
  return store;
}

test('a whole cycle between any two requests of a read changes nothing', async () => {
  let requests = 0;
  for (let n = 0; n <= requests; n++) {
    const store = await rawPod();
    const cycle = startCycle(store);
    let seen = 0;
    let busy = false;
    store.before = async () => {
      if (busy) return;
      requests = Math.max(requests, seen);
      if (seen++ !== n) return;
      busy = true;
      await cycle.compactor.compact(POD);
      await cycle.cleaner.clean(POD);
      busy = false;
    };
    expect([n, await cycle.text(POD, NAMESPACE)]).toEqual([n, textOf(ALL)]);
  }
  expect(requests).toBeGreaterThanOrEqual(4);
});

test('a raw object that was merged and then overwritten while a read opened it is read as both', async () => {
  const store = await rawPod();
  const cycle = startCycle(store);
  let before = 2;
  store.before = async () => {
    // After the listing and the metadata.
    if (before-- !== 0) return;
    await cycle.compactor.compact(POD);
    await store.put(rawKey(0, 0), rawBody([30]));
  };
  expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([0, 30, 60, 120]));
});

test('a container of which nothing can be read, merged and cleaned away in mid-read, does not end the read of the others', async () => {
  const store = await rawPod();
  const other = rawKey(0, 1).replace(CONTAINER_ID, 'd'.repeat(64));
  await store.put(other, gzipSync(rawBody([0])).subarray(0, 20));
  const cycle = startCycle(store);
  const { instances } = await cycle.reader.open(POD);
  await cycle.compactor.compact(POD);
  await cycle.cleaner.clean(POD);
  expect(await readAll(cycle.reader.text(instances))).toBe(textOf(ALL));
});

test('raw files beyond what a read keeps are fetched again when their turn comes', async () => {
  const store = new MemoryObjectStore();
  const seconds = Array.from({ length: 4000 }, (_, second) => second);
  for (let file = 0; file < 4; file++) {
    store.clock += 1000;
    await store.put(rawKey(file * 1000, file), rawBody(seconds.slice(file * 1000, (file + 1) * 1000)));
  }
  expect(await startCycle(store).text(POD, NAMESPACE)).toBe(textOf(seconds));
  expect(store.requests.get('get')).toBe(4 * 2 + 1);
});
