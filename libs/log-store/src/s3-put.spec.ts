import { type EmbeddedS3, type Fault, type FaultProxy, startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PreconditionFailedError, StoreUnavailableError } from './errors.ts';
import type { PutOptions } from './object-store.ts';
import { FAULTS, SpecStores } from './s3-direct-support.ts';
import type { S3ObjectStore } from './s3-object-store.ts';

const CONTENT = Buffer.from('what is in it');
/** More than the buffers of a connection take. */
const LARGE = Buffer.alloc(8 * 1024 * 1024, 'A log line of some length.\n');

let s3: EmbeddedS3;
let proxy: FaultProxy;
let stores: SpecStores;
let keys = 0;
const newKey = () => `data/a file ${(keys++).toString()}`;

beforeAll(async () => {
  s3 = await startEmbeddedS3();
  proxy = await startFaultProxy(s3.endpoint);
  stores = new SpecStores(proxy);
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

/** A store that has stored something, so that it sends what follows itself. Two tries say as much as five. */
async function learnt(store = stores.open({ maxAttempts: 2 })): Promise<S3ObjectStore> {
  await store.put(newKey(), CONTENT);
  stores.tries.length = 0;
  return store;
}

const read = async (store: S3ObjectStore, key: string) => Buffer.from(await (await store.get(key)).bytes());

const WAYS: [string, Buffer, PutOptions][] = [
  ['bytes alone', CONTENT, {}],
  ['nothing', Buffer.alloc(0), {}],
  ['much', LARGE, {}],
  ['a type', CONTENT, { contentType: 'application/json' }],
  ['metadata', CONTENT, { metadata: { records: '3', first: '2026-11-21T10:00:00Z' } }],
  ['a new object', CONTENT, { condition: { absent: true } }],
];

test.each(WAYS)('sends what the SDK sends, and stores it: %s', async (_, body, options) => {
  const sent: unknown[] = [];
  for (const [store, isSdk] of [
    [stores.open(), true],
    [await learnt(), false],
  ] as const) {
    const key = newKey();
    const { etag } = await store.put(key, body, options);
    expect(stores.madeBySdk(1)).toEqual([isSdk]);
    const { method, url, headers } = proxy.requests.at(-1) ?? { method: '', url: '', headers: {} };
    const own = Object.entries(headers).filter(
      ([name]) => !/^(amz-sdk-|user-agent|x-amz-user-agent|x-amz-date|authorization|connection)/.test(name),
    );
    sent.push({
      method,
      path: url.replace(/\?.*/, '').replace(encodeURIComponent(key.slice(5)), 'KEY'),
      own: Object.fromEntries(own),
    });
    expect((await read(store, key)).equals(body)).toBe(true);
    expect(await store.head(key)).toMatchObject({ etag, metadata: options.metadata ?? {} });
  }
  expect(sent[1]).toEqual(sent[0]);
});

test('only what is unchanged is replaced', async () => {
  const store = await learnt();
  const key = newKey();
  const { etag } = await store.put(key, CONTENT, { condition: { absent: true } });
  const next = await store.put(key, LARGE, { condition: { etag } });
  expect(await store.head(key)).toMatchObject({ etag: next.etag });
  stores.tries.length = 0;
  await expect(store.put(key, CONTENT, { condition: { etag } })).rejects.toThrow(PreconditionFailedError);
  await expect(store.put(key, CONTENT, { condition: { absent: true } })).rejects.toThrow(PreconditionFailedError);
  expect(stores.statuses()).toEqual(['PutObject 412', 'PutObject 412']);
  expect(stores.madeBySdk(2)).toEqual([false, false]);
  expect((await read(store, key)).equals(LARGE)).toBe(true);
});

const PUT_FAULTS: readonly [string, Fault][] = [
  ...FAULTS,
  ['written by others right now', { status: 409, code: 'ConditionalRequestConflict' }],
  ['bytes that are not those that were signed', { status: 400, code: 'XAmzContentSHA256Mismatch' }],
  ['an error in spite of the status', { status: 200, code: 'InternalError', headers: { etag: '"abc"' } }],
  ['no room', { status: 507 }],
  ['cut off on the way', { cutUploadAfter: 3 }],
];

describe.each<[string, PutOptions]>([
  ['without a condition', {}],
  ['if unchanged', { condition: { etag: 'abc' } }],
  ['if absent', { condition: { absent: true } }],
])('a put %s', (_, options) => {
  test.each(PUT_FAULTS)('ends as with the SDK: %s', async (__, fault) => {
    const outcomeOf = (store: S3ObjectStore) => stores.outcomeOf(() => store.put(newKey(), CONTENT, options));
    const direct = await learnt();
    proxy.add({ times: Infinity, match: ({ method }) => method === 'PUT', fault });
    const before = proxy.requests.length;
    const outcome = await outcomeOf(direct);
    expect(stores.madeBySdk(proxy.requests.length - before)[0]).toBe(false);
    expect(withoutKeys(outcome)).toEqual(withoutKeys(await outcomeOf(stores.open({ maxAttempts: 2 }))));
  });
});

/** Every put has a key of its own. */
const withoutKeys = (outcome: unknown): unknown => JSON.parse(JSON.stringify(outcome).replace(/a file \d+/g, 'KEY'));

describe('a put whose answer was lost is made again, whole, by the SDK', () => {
  test('without a condition', async () => {
    const store = await learnt();
    const key = newKey();
    proxy.add({ fault: { dropAnswer: true } });
    await store.put(key, LARGE);
    expect(stores.statuses()).toEqual(['PutObject -', 'PutObject 200']);
    expect(stores.madeBySdk(2)).toEqual([false, true]);
    expect((await read(store, key)).equals(LARGE)).toBe(true);
  });

  test('with a condition it meets its own success, which is not taken for one', async () => {
    const store = await learnt();
    const key = newKey();
    proxy.add({ fault: { dropAnswer: true } });
    await expect(store.put(key, CONTENT, { condition: { absent: true } })).rejects.toThrow(PreconditionFailedError);
    expect(stores.statuses()).toEqual(['PutObject -', 'PutObject 412']);
    expect((await read(store, key)).equals(CONTENT)).toBe(true);
  });
});

test('a store that is silent is given up and asked again', async () => {
  const store = await learnt(stores.open({ idleTimeout: 3000 }));
  const key = newKey();
  proxy.add({ fault: { hang: true } });
  await store.put(key, LARGE);
  expect(stores.statuses()[0]).toBe('PutObject -');
  // On a machine that stalls it may have been given up once more.
  expect(stores.statuses().at(-1)).toBe('PutObject 200');
});

test('an abort ends it, whether or not all was sent', async () => {
  const store = await learnt();
  const abort = new AbortController();
  const reason = new Error('enough');
  const { promise: arrived, resolve } = Promise.withResolvers<undefined>();
  const match = () => {
    resolve(undefined);
    return true;
  };
  proxy.add({ match, fault: { hang: true } });
  const put = store.put(newKey(), LARGE, { signal: abort.signal });
  await arrived;
  abort.abort(reason);
  await expect(put).rejects.toBe(reason);
  expect(stores.statuses()).toEqual(['PutObject -']);
});

describe('before each try the caller is asked', () => {
  test('the direct one and those of the SDK', async () => {
    const store = await learnt();
    const askedAt: number[] = [];
    proxy.add({ fault: { status: 503, code: 'SlowDown' } });
    const before = proxy.requests.length;
    await store.put(newKey(), CONTENT, { beforeSend: () => askedAt.push(proxy.requests.length - before) });
    expect(askedAt).toEqual([0, 1]);
    expect(stores.madeBySdk(2)).toEqual([false, true]);
  });

  test.each([0, 1])('what it throws is what comes of the put: try %i', async (last) => {
    const store = await learnt();
    proxy.add({ fault: { status: 503, code: 'SlowDown' } });
    const refusal = new StoreUnavailableError('no time left', { operation: 'commit', bucket: 'logs' });
    const before = proxy.requests.length;
    let asked = 0;
    const beforeSend = () => {
      if (asked++ === last) throw refusal;
    };
    await expect(store.put(newKey(), CONTENT, { beforeSend })).rejects.toBe(refusal);
    expect(proxy.requests.length - before).toBe(last);
  });
});
