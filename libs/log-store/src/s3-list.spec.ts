import { type EmbeddedS3, type Fault, type FaultProxy, startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { ListOptions, ListPage } from './object-store.ts';
import { FAULTS, SpecStores } from './s3-direct-support.ts';
import type { S3ObjectStore } from './s3-object-store.ts';

const KEYS = ["a b/1'", 'a b/2+', 'a b/x/%20', 'a b/x/ä&', 'a b/y/<3>', 'c'];

let s3: EmbeddedS3;
let proxy: FaultProxy;
let stores: SpecStores;

beforeAll(async () => {
  s3 = await startEmbeddedS3();
  proxy = await startFaultProxy(s3.endpoint);
  stores = new SpecStores(proxy);
  const store = stores.open();
  for (const key of KEYS) await store.put(key, Buffer.from(key));
});
beforeEach(() => {
  proxy.clear();
});
afterEach(() => {
  stores.close();
});
afterAll(async () => {
  await proxy.stop();
  await s3.stop();
});

async function pagesOf(store: S3ObjectStore, options: ListOptions): Promise<ListPage[]> {
  const pages: ListPage[] = [];
  for await (const page of store.list(options)) pages.push(page);
  return pages;
}

/** A store that has listed something, so that it sends what follows itself. Two tries say as much as five. */
async function learnt(store = stores.open({ maxAttempts: 2 })): Promise<S3ObjectStore> {
  await pagesOf(store, { prefix: 'nothing' });
  stores.tries.length = 0;
  return store;
}

const queryOf = (url: string) => Object.fromEntries(new URL(url, 'http://store').searchParams);

test.each<[string, ListOptions]>([
  ['all', { prefix: '' }],
  ['nothing', { prefix: 'b' }],
  ['below a prefix', { prefix: 'a b/' }],
  ['as in a folder', { prefix: 'a b/', delimiter: '/' }],
  ['from a key on', { prefix: '', startAfter: "a b/1'" }],
  ['in pages', { prefix: '', pageSize: 2 }],
  ['all at once', { prefix: 'a b/', delimiter: '/', startAfter: "a b/1'", pageSize: 1 }],
])('asks as the SDK does, and gives the same: %s', async (_, options) => {
  const direct = await learnt();
  let before = proxy.requests.length;
  const mine = await pagesOf(direct, options);
  const asked = proxy.requests.slice(before);
  expect(stores.madeBySdk(asked.length)).not.toContain(true);

  before = proxy.requests.length;
  // The first request of each store is the SDK's.
  const its = [(await stores.open().list(options)[Symbol.asyncIterator]().next()).value as ListPage];
  expect(stores.madeBySdk(1)).toEqual([true]);
  expect(mine.slice(0, 1)).toEqual(its);
  const [first] = asked.map(({ url }) => url);
  expect(queryOf(first ?? '')).toEqual(queryOf(proxy.requests.at(-1)?.url ?? ''));
  expect(first?.replace(/\?.*/, '')).toBe(proxy.requests.at(-1)?.url.replace(/\?.*/, ''));

  const size = options.pageSize ?? 1000;
  for (const { objects, prefixes } of mine) expect(objects.length + prefixes.length).toBeLessThanOrEqual(size);
  const all = mine.flatMap(({ objects, prefixes }) => [...objects.map(({ key }) => key), ...prefixes]);
  const wanted = KEYS.filter((key) => key.startsWith(options.prefix) && key > (options.startAfter ?? ''));
  const folder = (key: string) => key.slice(0, key.indexOf('/', options.prefix.length) + 1) || key;
  expect(all.toSorted()).toEqual(
    [...new Set(options.delimiter === undefined ? wanted : wanted.map(folder))].toSorted(),
  );
});

const LIST_FAULTS: readonly [string, Fault][] = [
  ...FAULTS,
  ['an error in spite of the status', { status: 200, code: 'InternalError' }],
  ['a document that breaks off', { resetAfter: 200 }],
  ['a document that ends early', { resetAfter: 200, orderly: true }],
  ['no document', { resetAfter: 0 }],
];

test.each(LIST_FAULTS)('ends as with the SDK: %s', async (_, fault) => {
  const outcomeOf = (store: S3ObjectStore) => stores.outcomeOf(() => pagesOf(store, { prefix: 'a b/' }));
  const direct = await learnt();
  proxy.add({ times: Infinity, fault });
  const before = proxy.requests.length;
  const outcome = await outcomeOf(direct);
  expect(stores.madeBySdk(proxy.requests.length - before)[0]).toBe(false);
  expect(outcome).toEqual(await outcomeOf(stores.open({ maxAttempts: 2 })));
});

test('what is tried again is tried as often as ever, and every try is counted', async () => {
  const store = await learnt();
  proxy.add({ fault: { status: 503, code: 'SlowDown' } });
  expect(await pagesOf(store, { prefix: 'c' })).toHaveLength(1);
  expect(stores.statuses()).toEqual(['ListObjectsV2 503', 'ListObjectsV2 200']);
  expect(stores.madeBySdk(2)).toEqual([false, true]);
});

test('a document that comes slowly is broken off by an abort', async () => {
  const store = await learnt();
  const abort = new AbortController();
  const reason = new Error('enough');
  const { promise: answered, resolve } = Promise.withResolvers<undefined>();
  proxy.add({ fault: { stallAfter: 100 } });
  const observed = stores.tries;
  const wait = setInterval(() => {
    if (observed.length > 0) resolve(undefined);
  }, 5);
  const listing = pagesOf(store, { prefix: '', signal: abort.signal });
  await answered;
  clearInterval(wait);
  abort.abort(reason);
  await expect(listing).rejects.toBe(reason);
  expect(stores.statuses()).toEqual(['ListObjectsV2 200']);
});
