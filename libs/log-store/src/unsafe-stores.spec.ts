import { startEmbeddedS3, startFaultProxy } from '@cordwood/testkit';
import { afterEach, expect, test } from '@jest/globals';
import { NotFoundError, PreconditionFailedError, StoreUnavailableError } from './errors.ts';
import { commitsSafely, type StoreDialect } from './s3-dialect.ts';
import { createS3ObjectStore } from './s3-object-store.ts';

/** Real endpoints that treat conditions in their own ways. */

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

type Handling = NonNullable<NonNullable<Parameters<typeof startEmbeddedS3>[0]>['conditions']>;

async function open(conditions: Handling) {
  const s3 = await startEmbeddedS3({ conditions });
  const proxy = await startFaultProxy(s3.endpoint);
  const store = createS3ObjectStore({
    bucket: 'logs',
    endpoint: proxy.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'cordwood', secretAccessKey: 'any' },
  });
  closing.push(
    () => s3.stop(),
    () => proxy.stop(),
    () => store.close(),
  );
  return { store, proxy };
}

const put = (conditionalPut: StoreDialect['conditionalCreate']) => ({
  conditionalCreate: conditionalPut,
  conditionalReplace: conditionalPut,
});
const HONOURED = {
  ...put('honoured'),
  conditionalCopy: true,
  conditionalDelete: true,
  conditionalBatchDelete: true,
};
const NO_OTHERS = { conditionalCopy: false, conditionalDelete: false };

test.each(['if-none-match', 'if-match'])(
  'winners whose answers are lost (%s) do not tell against a store',
  async (header) => {
    const { store, proxy } = await open('honoured');
    // All racers': which of them wins is up to the server. The client's repetitions are then refused.
    const match = ({ headers }: { headers: object }): boolean => header in headers;
    proxy.add({ match, skip: header === 'if-match' ? 1 : 0, times: 5, fault: { dropAnswer: true } });
    expect(await store.probe('')).toMatchObject(HONOURED);
    for await (const page of store.list({ prefix: '' })) expect(page.objects).toEqual([]);
  },
);

test.each<[Handling, Partial<StoreDialect>]>([
  ['honoured', HONOURED],
  ['409-when-lost', HONOURED],
  ['ignored', { ...put('unreliable'), ...NO_OTHERS, conditionalBatchDelete: false }],
  ['409', { ...put('refused'), ...NO_OTHERS }],
  ['501', { ...put('refused'), ...NO_OTHERS }],
])('conditions %s: found out, and puts are carried out all the same', async (handling, expected) => {
  const { store } = await open(handling);
  const dialect = await store.probe('team/');
  expect(dialect).toMatchObject(expected);
  expect(commitsSafely(dialect)).toBe(dialect.conditionalCreate === 'honoured');
  for await (const page of store.list({ prefix: '' })) expect(page.objects).toEqual([]);

  const { etag } = await store.put('a', Buffer.from('first'), { condition: { absent: true } });
  await store.put('a', Buffer.from('second'), { condition: { etag } });
  const stale = await store.put('a', Buffer.from('stale'), { condition: { etag } }).catch((error: unknown) => error);
  expect(stale instanceof PreconditionFailedError).toBe(commitsSafely(dialect));
});

test('where conditions of reads are ignored, another version is not taken for the one that was meant', async () => {
  const { store, proxy } = await open('ignored');
  await store.probe();
  const { etag } = await store.put('raw', Buffer.alloc(500_000, 'first'));
  proxy.add({ match: ({ method }) => method === 'GET', fault: { resetAfter: 100_000 } });
  const body = await store.get('raw');
  await store.put('raw', Buffer.alloc(500_000, 'other'));
  // The rest of a body that broke off.
  await expect(body.bytes()).rejects.toThrow(PreconditionFailedError);
  await expect(store.get('raw', { ifMatch: etag })).rejects.toThrow(PreconditionFailedError);
  // The copy of a damaged object.
  await expect(store.copy('raw', 'kept', { ifMatch: etag })).rejects.toThrow(PreconditionFailedError);
});

test('where conditions of copies are ignored, one of a version that came in between is refused', async () => {
  const { store, proxy } = await open('ignored');
  await store.probe();
  const { etag } = await store.put('raw', Buffer.from('damaged'));
  proxy.add({
    match: ({ method, url }) => method === 'PUT' && url.includes('/kept'),
    fault: {
      before: async () => {
        await store.put('raw', Buffer.from('newer'));
      },
    },
  });
  await expect(store.copy('raw', 'kept', { ifMatch: etag })).rejects.toThrow(PreconditionFailedError);
  await store.copy('raw', 'kept', { ifMatch: (await store.head('raw')).etag });
  expect(Buffer.from(await (await store.get('kept')).bytes()).toString()).toBe('newer');
});

test('beforeSend is asked before every try, and what it stops is not sent', async () => {
  const { store, proxy } = await open('honoured');
  const isPut = ({ method }: { method: string }) => method === 'PUT';
  proxy.add({ match: isPut, times: 2, fault: { status: 503, code: 'SlowDown' } });
  let asked = 0;
  const stop = new StoreUnavailableError('stopped', { operation: 'commit', bucket: 'logs' });
  const beforeSend = () => {
    if (++asked === 3) throw stop;
  };
  await expect(store.put('a', Buffer.from('a'), { beforeSend })).rejects.toBe(stop);
  expect(proxy.requests.filter(isPut)).toHaveLength(2);
  await store.put('a', Buffer.from('a'), { beforeSend });
  expect(asked).toBe(4);
});

test.each(['raw', 'raw\u0001'])(
  'a deletion whose answer is lost is not repeated without a condition: what was written meanwhile stays (%j)',
  async (key) => {
    const { store, proxy } = await open('ignored');
    await store.probe('');
    const { etag } = await store.put(key, Buffer.from('merged'));
    proxy.add({
      match: ({ method, url }) => method === 'DELETE' || (method === 'POST' && url.includes('delete')),
      fault: { dropAnswer: true },
    });
    await expect(store.deleteMany([{ key, etag }])).rejects.toThrow(StoreUnavailableError);
    await expect(store.head(key)).rejects.toThrow(NotFoundError);
    // Where there is no version to mistake for another, repetition does no harm.
    await store.put(key, Buffer.from('superseded'));
    proxy.add({ match: ({ method }) => method === 'DELETE' || method === 'POST', fault: { dropAnswer: true } });
    expect(await store.deleteMany([{ key }])).toEqual({ deleted: [key], failed: [] });
  },
);
