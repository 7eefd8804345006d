import { MetadataStore } from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { beforeEach, expect, test } from '@jest/globals';
import type { FoundWork } from './compactor.ts';
import { type Cycle, startCycle } from './cycle-harness.ts';
import { SteppedStore } from './model/stepped-store.ts';
import { NAMESPACE, POD, rawBody, rawKey, rawKeyOf } from './raw-writer.ts';

/** What is told of a pod's work before it is done, for whoever reports that it failed. */

let store: MemoryObjectStore;
let cycle: Cycle;
let found: FoundWork[];
beforeEach(() => {
  store = new MemoryObjectStore();
  cycle = startCycle(store);
  found = [];
});
const note = (work: FoundWork) => void found.push(work);
const breakMetadata = () => store.put(metadataKey(POD), Buffer.from('{"version":2,'));

test('a compaction has the raw files before it that are not merged, and logs in these namespaces', async () => {
  await store.put(rawKey(0, 0), rawBody([0]));
  await cycle.compactor.compact(POD);
  await cycle.cleaner.clean(POD);
  await store.put(rawKeyOf({ namespace: 'other' }, 60, 1), rawBody([60]));
  await store.put(rawKey(120, 2), rawBody([120, 121]));
  await cycle.compactor.compact(POD, undefined, note);
  const rawBytes = rawBody([60]).length + rawBody([120, 121]).length;
  expect(found).toEqual([{ namespaces: [NAMESPACE, 'other'], rawFiles: 2, rawBytes }]);
});

test('where the metadata cannot be read it tells of all raw files, however late they are listed', async () => {
  await store.put(rawKey(0, 0), rawBody([0]));
  await breakMetadata();
  const stepped = new SteppedStore(store);
  const { compactor } = startCycle(stepped, { metadata: new MetadataStore(stepped) });
  const work = compactor.compact(POD, undefined, note);
  void stepped.follow(work.catch(() => undefined));
  await stepped.settle();
  while (!stepped.isOver) {
    // The metadata first.
    const at = stepped.pending.findIndex((request) => request.startsWith('get'));
    await stepped.step(Math.max(0, at), 'answered');
  }
  await expect(work).rejects.toThrow(MetadataError);
  expect(found).toEqual([{ namespaces: [NAMESPACE], rawFiles: 1, rawBytes: rawBody([0]).length }]);
});

test('a cleaning tells whose logs it looks at, as far as that is known', async () => {
  const told: unknown[] = [];
  await store.put(rawKey(0, 0), rawBody([0]));
  await cycle.compactor.compact(POD);
  expect(await cycle.cleaner.clean(POD, undefined, (work) => told.push(work))).toMatchObject({
    namespaces: [NAMESPACE],
    deletedRaw: 1,
  });
  await breakMetadata();
  await store.put(rawKey(60, 1), rawBody([60]));
  await expect(cycle.cleaner.clean(POD, undefined, (work) => told.push(work))).rejects.toThrow(MetadataError);
  expect(told).toEqual([1, 2, 3].map(() => ({ namespaces: [NAMESPACE] })));
});
