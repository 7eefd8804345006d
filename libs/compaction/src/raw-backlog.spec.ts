import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { measureRawBacklog } from './raw-backlog.ts';

const KEY = (pod: string, index: number) => `kube.var.log.containers.${pod}_ns_main-0a/202611201000__${index}.gz`;
const START = Date.UTC(2026, 10, 21);

test('counts raw files alone, by one request for every 1,000', async () => {
  const store = new MemoryObjectStore(START);
  expect(await measureRawBacklog(store)).toEqual({ files: 0, bytes: 0, oldest: undefined, complete: true });
  await store.put('kube.var.log.containers.no-raw-file', Buffer.from('older'));
  await store.put(KEY('empty', 0), Buffer.from(''));
  await store.put('data/a/0a/202611201000_0.gz', Buffer.from('merged'));
  store.clock += 1_000;
  await store.put(KEY('z', 0), Buffer.from('first'));
  store.clock += 1_000;
  for (let index = 0; index < 1_500; index++) await store.put(KEY('a', index), Buffer.from('xy'));
  store.requests.clear();
  expect(await measureRawBacklog(store)).toEqual({ files: 1_501, bytes: 3_005, oldest: START + 1_000, complete: true });
  expect(Object.fromEntries(store.requests)).toEqual({ list: 2 });
});

test('says so where there are more than it may ask for', async () => {
  const store = new MemoryObjectStore();
  for (let index = 0; index < 2_001; index++) await store.put(KEY('a', index), Buffer.from('x'));
  expect(await measureRawBacklog(store, { maxPages: 2 })).toMatchObject({ files: 2_000, complete: false });
  expect(await measureRawBacklog(store, { maxPages: 3 })).toMatchObject({ files: 2_001, complete: true });
});
