import { expect, test } from '@jest/globals';
import { Crash, DyingStore } from '@cordwood/testkit';
import { startCycle } from './cycle-harness.ts';
import { CONTAINER_ID, NAMESPACE, POD, rawBody, rawKey, textOf } from './raw-writer.ts';

/**
 * A worker may die at any instruction. What it has done by then is a prefix of its requests, the last of them perhaps carried out
 * without an answer: so every prefix is tried.
 */

const ALL = [0, 1, 2, 60, 61, 120, 180];

/** A pod with merged files, superseded ones, raw ones that are merged, and new ones. Due for cleaning. */
async function somePod(): Promise<DyingStore> {
  const store = new DyingStore();
  const cycle = startCycle(store, { cleanupDelay: 60_000 });
  const put = async (second: number, index: number, seconds: readonly number[]): Promise<void> => {
    store.clock += 1000;
    await store.put(rawKey(second, index), rawBody(seconds));
  };
  await put(0, 0, [0, 1, 2]);
  await cycle.compactor.compact(POD);
  await put(60, 1, [60, 61]);
  await cycle.compactor.compact(POD);
  store.clock += 60_000;
  await put(120, 2, [120]);
  await put(180, 3, [180]);
  return store;
}

test.each([
  ['before it is carried out', false],
  ['after it was carried out', true],
])(
  'a worker dies at any request, %s: nothing is lost, nothing is twice, and the next one finishes',
  async (_, afterwards) => {
    let deaths = 0;
    for (const action of ['compactor', 'cleaner'] as const) {
      for (let n = 0; ; n++) {
        const store = await somePod();
        const cycle = startCycle(store, { cleanupDelay: 60_000 });
        store.dieAt(n, afterwards);
        const dead = await (action === 'compactor' ? cycle.compactor.compact(POD) : cycle.cleaner.clean(POD)).then(
          () => false,
          (error: unknown) => error instanceof Crash || Promise.reject(error as Error),
        );
        store.revive();
        const place = `${action} at request ${n.toString()}`;
        expect([place, await cycle.text(POD, NAMESPACE)]).toEqual([place, textOf(ALL)]);

        await cycle.compactor.compact(POD);
        expect([place, await cycle.text(POD, NAMESPACE)]).toEqual([place, textOf(ALL)]);
        // Time enough for everything to be cleaned, the dead worker's files too.
        for (let round = 0; round < 3; round++) {
          store.clock += 100_000;
          await cycle.cleaner.clean(POD);
        }
        expect([place, await cycle.text(POD, NAMESPACE)]).toEqual([place, textOf(ALL)]);
        const left = [...store.objects.keys()].filter((key) => !key.startsWith('metadata/'));
        const listed = (await cycle.options.metadata.read(POD)).metadata.log_files.map(({ key }) => key);
        expect([place, left.toSorted()]).toEqual([place, listed.toSorted()]);
        if (!dead) break;
        deaths++;
      }
    }
    expect(deaths).toBeGreaterThan(8);
  },
);

test('a commit whose answer was lost is recognized as won', async () => {
  const store = await somePod();
  const cycle = startCycle(store, { cleanupDelay: 60_000 });
  const put = store.put.bind(store);
  let lost = 0;
  store.put = async (key, body, options) => {
    const done = await put(key, body, options);
    if (key.startsWith('metadata/') && lost++ === 0) {
      // As the SDK's own repetition of a request ends whose first answer got lost.
      return put(key, body, options);
    }
    return done;
  };
  await cycle.compactor.compact(POD);
  expect(lost).toBe(1);
  expect(await cycle.text(POD, NAMESPACE)).toBe(textOf(ALL));
  expect(
    [...store.objects.keys()].filter((key) => key.startsWith(`data/${POD}/${CONTAINER_ID}`)).length,
  ).toBeGreaterThan(0);
});
