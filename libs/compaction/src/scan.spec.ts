import { MemoryObjectStore } from '@cordwood/testkit';
import { describe, expect, test } from '@jest/globals';
import { type Room, scan } from './scan.ts';

const KEY = (pod: string) => `kube.var.log.containers.${pod}_ns_main-0a/202611201000__0.gz`;

interface Given {
  readonly resting?: readonly string[];
  readonly refused?: readonly string[];
  readonly after?: string;
  /** Answers of `room`, one after the other; then there is room. */
  readonly rooms?: Room[];
}

async function scanned(keys: readonly string[], { resting = [], refused = [], after, rooms = [] }: Given = {}) {
  const store = new MemoryObjectStore();
  for (const key of keys) await store.put(key, Buffer.from('x'));
  store.requests.clear();
  const enqueued: string[] = [];
  const stray: string[] = [];
  const reached: string[] = [];
  let asked = 0;
  const result = await scan({
    store,
    after,
    dueAmong: async (pods) => {
      asked++;
      return pods.filter((pod) => !resting.includes(pod));
    },
    room: async () => rooms.shift() ?? 'now',
    enqueue: async (pods) => {
      const taken = pods.filter((pod) => !refused.includes(pod));
      enqueued.push(...taken);
      return taken.length;
    },
    reached: async (pod) => void reached.push(pod),
    onStrayKey: (key) => stray.push(key),
  });
  return { result, enqueued, stray, reached, asked, requests: Object.fromEntries(store.requests) };
}

test('hands out the pods that are due, whatever else lies there', async () => {
  const marker = 'kube.var.log.containers.';
  const outcome = await scanned(
    [
      KEY('b'),
      KEY('a'),
      KEY('resting'),
      KEY('a').replace('__0', '__1'),
      `${marker}stray`,
      `${marker}Bad_x`,
      'data/a/x',
    ],
    { resting: ['resting'] },
  );
  expect(outcome.enqueued).toEqual(['a', 'b']);
  expect(outcome.stray.toSorted()).toEqual([`${marker}Bad_`, `${marker}stray`]);
  expect(outcome.result).toEqual({ pods: 3, due: 2, enqueued: 2, stray: 2, toTheEnd: true });
});

test('costs one request for every 1,000 pods, and none for any pod', async () => {
  const pods = Array.from({ length: 1_500 }, (_, index) => `job-${index}`);
  const { result, requests } = await scanned(pods.map(KEY));
  expect(result).toEqual({ pods: 1_500, due: 1_500, enqueued: 1_500, stray: 0, toTheEnd: true });
  expect(requests).toEqual({ list: 2 });
});

test('a name that cannot be handed out holds up nobody', async () => {
  const { result, enqueued } = await scanned([KEY('a'), KEY('b')], { refused: ['a'] });
  expect(enqueued).toEqual(['b']);
  expect(result).toEqual({ pods: 2, due: 2, enqueued: 1, stray: 0, toTheEnd: true });
});

test('a pod with very many files costs no more than one with a single file', async () => {
  const keys = ['a', 'b', 'c'].flatMap((pod) =>
    Array.from({ length: 2_000 }, (_, index) => KEY(pod).replace('__0', `__${index.toString()}`)),
  );
  const { enqueued, requests } = await scanned(keys);
  expect([enqueued, requests]).toEqual([['a', 'b', 'c'], { list: 1 }]);
});

describe('when there is no room', () => {
  const PODS = Array.from({ length: 2_500 }, (_, index) => `job-${index.toString().padStart(4, '0')}`);
  const KEYS = PODS.map(KEY);

  test('it stops, and the next scan goes on there: one request for each page that is needed', async () => {
    const first = await scanned(KEYS, { rooms: ['now', 'none'] });
    expect(first.enqueued).toEqual(PODS.slice(0, 1_000));
    expect(first.result).toEqual({ pods: 1_000, due: 1_000, enqueued: 1_000, stray: 0, toTheEnd: false });
    expect([first.reached, first.requests]).toEqual([['job-0999'], { list: 2 }]);

    const second = await scanned(KEYS, { after: 'job-0999' });
    expect(second.enqueued).toEqual(PODS.slice(1_000));
    expect(second.result).toMatchObject({ pods: 1_500, toTheEnd: true });
    expect([second.reached, second.requests]).toEqual([['job-1999', 'job-2499'], { list: 2 }]);
  });

  test('it begins in the right place where names begin like others, and where the pod is gone', async () => {
    const keys = ['job', 'job-a', 'job-a.b', 'job-a-1', 'job-b'].map(KEY);
    const all = (await scanned(keys)).enqueued;
    for (const [index, pod] of all.entries()) {
      expect([pod, (await scanned(keys, { after: pod })).enqueued]).toEqual([pod, all.slice(index + 1)]);
      const others = keys.filter((key) => key !== KEY(pod));
      expect((await scanned(others, { after: pod })).enqueued).toEqual(all.slice(index + 1));
    }
  });

  test('pages with nothing due need none', async () => {
    const { result, asked } = await scanned(KEYS, { resting: PODS.slice(0, 2_400), rooms: ['none'] });
    expect([result, asked]).toEqual([{ pods: 2_000, due: 0, enqueued: 0, stray: 0, toTheEnd: false }, 3]);
  });

  test('who was due before a wait may not be due after it', async () => {
    expect((await scanned(KEYS.slice(0, 10), { rooms: ['waited'] })).asked).toBe(2);
    expect((await scanned(KEYS.slice(0, 10), { rooms: ['now'] })).asked).toBe(1);
  });
});
