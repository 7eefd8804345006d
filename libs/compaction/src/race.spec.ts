import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CommitLostError } from '@cordwood/log-store';
import { openTestStore, type TestStore } from '@cordwood/testkit';
import { expectSameText, startCycle } from './cycle-harness.ts';
import { NAMESPACE, rawBody, rawKey, textOf } from './raw-writer.ts';

/** Several workers at the same pod, on a real endpoint. */

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(async () => opened.close());

test('compactors and cleaners on the same pod at once: nothing lost, nothing twice, while readers look on', async () => {
  const { store } = opened;
  const pod = 'job-race';
  const cycle = startCycle(store, { cleanupDelay: 0, orphanAge: 0 });
  const written: number[] = [];
  for (let round = 0; round < 8; round++) {
    for (let file = 0; file < 3; file++) {
      const index = round * 3 + file;
      const seconds = [index * 20, index * 20 + 7];
      await store.put(rawKey(index * 20, index, pod), rawBody(seconds));
      written.push(...seconds);
    }
    const expected = textOf(written);
    const workers = [
      cycle.compactor.compact(pod),
      startCycle(store, { cleanupDelay: 0, orphanAge: 3_600_000 }).compactor.compact(pod),
      cycle.cleaner.clean(pod),
    ];
    // A worker that lost five races leaves the pod to the others.
    const refused = (await Promise.allSettled(workers)).flatMap((result) =>
      result.status === 'rejected' && !(result.reason instanceof CommitLostError) ? [result.reason as unknown] : [],
    );
    expect(refused).toEqual([]);
    expectSameText(await cycle.text(pod, NAMESPACE), expected, `round ${round.toString()}`);
  }
  await cycle.compactor.compact(pod);
  // The store's clock has whole seconds in places, so the last files may need one to be old enough.
  for (let left: number | undefined = 0; left !== undefined;) left = (await cycle.cleaner.clean(pod)).againInMs;
  expectSameText(await cycle.text(pod, NAMESPACE), textOf(written), 'at the end');
  const { metadata } = await cycle.options.metadata.read(pod);
  const stored: string[] = [];
  for await (const page of store.list({ prefix: '' })) stored.push(...page.objects.map(({ key }) => key));
  expect(stored.filter((key) => key.startsWith('kube.'))).toEqual([]);
  expect(stored.filter((key) => key.startsWith('data/'))).toEqual(metadata.log_files.map(({ key }) => key).toSorted());
});
