import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { scan } from './scan.ts';

const KEY = (pod: string) => `kube.var.log.containers.${pod}_ns_main-0a/202611201000__0.gz`;

async function scanned(keys: readonly string[], resting: readonly string[] = [], refused: readonly string[] = []) {
  const store = new MemoryObjectStore();
  for (const key of keys) await store.put(key, Buffer.from('x'));
  store.requests.clear();
  const enqueued: string[] = [];
  const stray: string[] = [];
  const result = await scan({
    store,
    dueAmong: async (pods) => pods.filter((pod) => !resting.includes(pod)),
    enqueue: async (pods) => {
      enqueued.push(...pods.filter((pod) => !refused.includes(pod)));
      return pods.filter((pod) => refused.includes(pod));
    },
    onStrayKey: (key) => stray.push(key),
  });
  return { result, enqueued, stray, requests: Object.fromEntries(store.requests) };
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
    ['resting'],
  );
  expect(outcome.enqueued).toEqual(['a', 'b']);
  expect(outcome.stray.toSorted()).toEqual([`${marker}Bad_`, `${marker}stray`]);
  expect(outcome.result).toEqual({ pods: 3, due: 2, stray: 2 });
});

test('costs one request for every 1,000 pods, and none for any pod', async () => {
  const pods = Array.from({ length: 1_500 }, (_, index) => `job-${index}`);
  const { result, requests } = await scanned(pods.map(KEY));
  expect(result).toEqual({ pods: 1_500, due: 1_500, stray: 0 });
  expect(requests).toEqual({ list: 2 });
});

test('a name that cannot be handed out holds up nobody', async () => {
  const { result, enqueued } = await scanned([KEY('a'), KEY('b')], [], ['a']);
  expect(enqueued).toEqual(['b']);
  expect(result).toEqual({ pods: 2, due: 1, stray: 0 });
});
