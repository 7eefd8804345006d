import { type EmbeddedS3, type FaultProxy, startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { AccessDeniedError, StoreUnavailableError } from './errors.ts';
import type { ObjectBody } from './object-store.ts';
import { createS3Client } from './s3-client.ts';
import { CREDENTIALS, FAULTS, SpecStores } from './s3-direct-support.ts';
import { S3ObjectStore } from './s3-object-store.ts';
import { StoreClock } from './store-clock.ts';

const KEY = 'data/a file';
const CONTENT = Buffer.from('what is in it');
const HOUR = 3_600_000;
/** Of connections that are silent, in ms. */
const IMPATIENCE = 3000;

let s3: EmbeddedS3;
let proxy: FaultProxy;
let stores: SpecStores;

beforeAll(async () => {
  s3 = await startEmbeddedS3();
  proxy = await startFaultProxy(s3.endpoint);
  stores = new SpecStores(proxy);
  await stores.open().put(KEY, CONTENT, { metadata: { records: '3' } });
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

/** A store that has read something, so that it sends what follows itself. */
async function learnt(store: S3ObjectStore): Promise<S3ObjectStore> {
  await (await store.get(KEY)).bytes();
  stores.tries.length = 0;
  return store;
}

test('all but the first are sent directly, and give what the SDK gives', async () => {
  const store = stores.open();
  const bySdk = await store.get(KEY);
  const direct = await store.get(KEY);
  expect(stores.madeBySdk(2)).toEqual([true, false]);
  for (const body of [bySdk, direct]) {
    expect(Buffer.from(await body.bytes())).toEqual(CONTENT);
  }
  const headOf = ({ etag, size, lastModified, metadata }: ObjectBody) => ({ etag, size, lastModified, metadata });
  expect(headOf(direct)).toEqual({ ...headOf(bySdk), metadata: { records: '3' } });
  expect(stores.statuses()).toEqual(['GetObject 200', 'GetObject 200']);
});

test('ranges and conditions', async () => {
  const store = await learnt(stores.open());
  const { etag } = await store.head(KEY);
  const body = await store.get(KEY, { start: 2, end: 5, ifMatch: etag });
  expect(Buffer.from(await body.bytes())).toEqual(CONTENT.subarray(2, 6));
  expect(stores.madeBySdk(1)).toEqual([false]);
  expect(proxy.requests.at(-1)?.headers).toMatchObject({ range: 'bytes=2-5', 'if-match': `"${etag}"` });
});

test.each(FAULTS)('ends as with the SDK: %s', async (_, fault) => {
  const outcomeOf = (store: S3ObjectStore) => stores.outcomeOf(() => store.get(KEY));
  const direct = await learnt(stores.open());
  const remove = proxy.add({ times: Infinity, match: ({ method }) => method === 'GET', fault });
  const before = proxy.requests.length;
  const outcome = await outcomeOf(direct);
  expect(stores.madeBySdk(proxy.requests.length - before)[0]).toBe(false);
  expect(outcome).toEqual(await outcomeOf(stores.open()));
  remove();
});

test('what is tried again is tried as often as ever, and every try is counted', async () => {
  const store = await learnt(stores.open());
  proxy.add({ fault: { status: 503, code: 'SlowDown' } });
  proxy.add({ fault: { refuse: true } });
  expect(Buffer.from(await (await store.get(KEY)).bytes())).toEqual(CONTENT);
  expect(stores.statuses()).toEqual(['GetObject 503', 'GetObject -', 'GetObject 200']);
  expect(stores.madeBySdk(3)).toEqual([false, true, true]);
});

test('a store that is silent is given up and asked again', async () => {
  const store = await learnt(stores.open({ idleTimeout: IMPATIENCE }));
  proxy.add({ fault: { hang: true } });
  expect(Buffer.from(await (await store.get(KEY)).bytes())).toEqual(CONTENT);
  expect(stores.statuses()[0]).toBe('GetObject -');
  // On a machine that stalls it may have been given up once more.
  expect(stores.statuses().at(-1)).toBe('GetObject 200');
});

/** By how many hours the clock is ahead that the request was signed with. */
function hoursAhead({ headers }: Pick<FaultProxy['requests'][number], 'headers'>): number {
  const date = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:');
  // No minus before zero.
  return Math.round((Date.parse(date) - Date.now()) / HOUR) || 0;
}

test("a clock that is wrong is put right by the store's", async () => {
  const store = await learnt(stores.open());
  const date = new Date(Date.now() + HOUR).toUTCString();
  proxy.add({ fault: { status: 403, code: 'RequestTimeTooSkewed', headers: { date } } });
  await (await store.get(KEY)).bytes();
  expect(stores.statuses()).toEqual(['GetObject 403', 'GetObject 200']);
  expect(proxy.requests.slice(-2).map(hoursAhead)).toEqual([0, 1]);
});

test('what is sent directly is signed with the clock that the SDK has put right', async () => {
  const observed = createS3Client(stores.options(), () => undefined);
  const store = await learnt(stores.keep(new S3ObjectStore(observed, 'logs', new StoreClock())));
  observed.client.config.systemClockOffset = -HOUR;
  await (await store.get(KEY)).bytes();
  expect(stores.madeBySdk(1)).toEqual([false]);
  expect(proxy.requests.slice(-1).map(hoursAhead)).toEqual([-1]);
});

test('an abort ends a request that waits for its answer', async () => {
  const store = await learnt(stores.open());
  const abort = new AbortController();
  const reason = new Error('enough');
  const arrived = new Promise<void>((resolve) => {
    proxy.add({
      match: () => {
        resolve();
        return true;
      },
      fault: { hang: true },
    });
  });
  const get = store.get(KEY, { signal: abort.signal });
  await arrived;
  abort.abort(reason);
  await expect(get).rejects.toBe(reason);
  expect(stores.statuses()).toEqual(['GetObject -']);
});

test('what went well gives back the right to try again', async () => {
  const observed = createS3Client(stores.options(), () => undefined);
  const store = await learnt(stores.keep(new S3ObjectStore(observed, 'logs', new StoreClock())));
  const retries = (await observed.client.config.retryStrategy()) as unknown as { getCapacity(): number };
  const whole = retries.getCapacity();
  proxy.add({ times: 3, fault: { status: 503 } });
  await expect(store.get(KEY)).rejects.toThrow(StoreUnavailableError);
  const spent = whole - retries.getCapacity();
  expect(spent).toBeGreaterThan(0);
  for (let i = 0; i < spent; i++) await (await store.get(KEY)).bytes();
  expect(stores.madeBySdk(spent)).not.toContain(true);
  expect(retries.getCapacity()).toBe(whole);
});

test('an answer that the SDK never gets to see keeps no connection', async () => {
  let isThere = true;
  // Credentials that must be asked for each time.
  const credentials = () =>
    isThere ? Promise.resolve({ ...CREDENTIALS, expiration: new Date() }) : Promise.reject(new Error('no credentials'));
  const store = await learnt(stores.open({ maxSockets: 1, credentials: credentials as never }));
  proxy.add({
    match: () => {
      isThere = false;
      return true;
    },
    fault: { status: 404, code: 'NoSuchKey' },
  });
  await expect(store.get(KEY)).rejects.toThrow('no credentials');
  isThere = true;
  expect(Buffer.from(await (await store.get(KEY)).bytes())).toEqual(CONTENT);
});

test('without credentials it is the SDK that says so', async () => {
  let isThere = true;
  const problem = Object.assign(new Error('none to be had'), { name: 'CredentialsProviderError' });
  const credentials = () =>
    isThere ? Promise.resolve({ ...CREDENTIALS, expiration: new Date() }) : Promise.reject(problem);
  const store = await learnt(stores.open({ credentials: credentials as never }));
  isThere = false;
  await expect(store.get(KEY)).rejects.toThrow(AccessDeniedError);
  expect(stores.statuses()).toEqual([]);
});
