import { expect, test } from '@jest/globals';
import type { DeleteTarget, ListOptions, ListPage, ObjectStore } from './object-store.ts';
import { normalizePrefix, PrefixedObjectStore } from './prefixed-object-store.ts';

test.each([
  ['', ''],
  ['logs', 'logs/'],
  ['team-a/logs/', 'team-a/logs/'],
])('prefix %j stands as %j before keys', (given, expected) => {
  expect(normalizePrefix(given)).toBe(expected);
});

/** Notes what it is called with; the rest is the conformance suite's. */
function recorder() {
  const calls: unknown[] = [];
  const inner: Partial<ObjectStore> = {
    bucket: 'logs',
    async *list(options: ListOptions) {
      calls.push(options);
      yield { objects: [{ key: 'p/a_1', etag: 'e', size: 1, lastModified: 0 }], prefixes: ['p/b_'] };
    },
    async deleteMany(targets: readonly DeleteTarget[]) {
      calls.push(targets);
      return { deleted: ['p/a'], failed: [{ key: 'p/b', code: 'PreconditionFailed', message: '' }] };
    },
    async copy(from, to, options) {
      calls.push([from, to, options]);
    },
  };
  return { calls, store: new PrefixedObjectStore(inner as ObjectStore, 'p') };
}

test('a listing is asked for below the prefix and told without it', async () => {
  const { calls, store } = recorder();
  const pages = await all(store.list({ prefix: '', delimiter: '_', startAfter: 'a' }));
  expect(calls).toEqual([{ prefix: 'p/', delimiter: '_', startAfter: 'p/a' }]);
  expect(pages).toEqual([{ objects: [{ key: 'a_1', etag: 'e', size: 1, lastModified: 0 }], prefixes: ['b_'] }]);
});

test('a listing from the start names no key to start after', async () => {
  const { calls, store } = recorder();
  await all(store.list({ prefix: 'x' }));
  expect(calls).toEqual([{ prefix: 'p/x' }]);
});

test('deletions and copies', async () => {
  const { calls, store } = recorder();
  expect(await store.deleteMany([{ key: 'a', etag: 'e' }, { key: 'b' }])).toEqual({
    deleted: ['a'],
    failed: [{ key: 'b', code: 'PreconditionFailed', message: '' }],
  });
  await store.copy('a', 'b', { ifMatch: 'e' });
  expect(calls).toEqual([
    [{ key: 'p/a', etag: 'e' }, { key: 'p/b' }],
    ['p/a', 'p/b', { ifMatch: 'e' }],
  ]);
});

async function all(pages: AsyncIterable<ListPage>): Promise<ListPage[]> {
  const found: ListPage[] = [];
  for await (const page of pages) found.push(page);
  return found;
}
