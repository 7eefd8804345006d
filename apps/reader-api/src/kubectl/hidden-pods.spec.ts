import { expect, test } from '@jest/globals';
import type { Caller } from '../access/caller.ts';
import { createCursors } from '../jobs/cursor.ts';
import { PodList } from './pod-list.ts';
import type { Pods } from './pods.ts';

/** What a page tells somebody of live pods that they may not know of. */

const { signal } = new AbortController();
const eve: Caller = {
  user: 'eve',
  may: async (_verb, namespace) => namespace === 'mine',
  mayEverything: async () => false,
};

/** As Kubernetes lists pods: by key, in pages, with tokens. */
function listOf(keys: readonly string[]): PodList {
  const sorted = keys.toSorted();
  const get = async (path: string) => {
    const query = new URL(path, 'http://kube').searchParams;
    const name = query.get('fieldSelector')?.replace('metadata.name=', '');
    const found = sorted.filter((key) => name === undefined || key.endsWith(`/${name}`));
    const start = Number(query.get('continue') ?? 0);
    const end = start + Number(query.get('limit') ?? Infinity);
    const items = found.slice(start, end).map((key) => {
      const [namespace, pod] = key.split('/');
      return { metadata: { name: pod, namespace }, spec: { containers: [] }, status: {} };
    });
    const metadata = end < found.length ? { continue: String(end) } : {};
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ metadata, items })) };
  };
  return new PodList({
    pods: { archivedOf: async () => [] } as unknown as Pods,
    catalogue: { page: async () => ({ jobs: [], last: undefined }) },
    cursors: createCursors('secret'),
    kube: { get },
  });
}

/** The names of each page. */
async function pages(list: PodList, limit: number, fieldSelector = ''): Promise<string[][]> {
  const found: string[][] = [];
  for (let cursor: string | undefined; ;) {
    const request = { caller: eve, namespace: undefined, labelSelector: '', fieldSelector, limit, cursor, signal };
    const { pods, next } = await list.page(request);
    found.push(pods.map(({ metadata }) => metadata.name));
    if (next === undefined) return found;
    cursor = next;
  }
}

const hidden = (count: number, namespace = 'yours') =>
  Array.from({ length: count }, (_, n) => `${namespace}/hidden-${n}`);

test.each([1, 2, 3, 10])('nothing, by pages of %d', async (limit) => {
  for (const own of [[], ['mine/a', 'mine/b', 'mine/c']]) {
    const among = listOf([...own, ...hidden(700, 'a'), ...hidden(700)]);
    expect(await pages(among, limit)).toEqual(await pages(listOf(own), limit));
  }
});

test('nothing of those with a name either', async () => {
  const among = listOf(['a/train', 'b/train', 'yours/train', 'z/train']);
  expect(await pages(among, 1, 'metadata.name=train')).toEqual(await pages(listOf([]), 1, 'metadata.name=train'));
});

test('behind very many their own are found', async () => {
  const list = listOf([...hidden(5_000, 'a'), 'mine/a', 'mine/b']);
  expect((await pages(list, 1)).flat()).toEqual(['a', 'b']);
});
