import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CommitLostError } from '@cordwood/log-store';
import { metadataKey } from '@cordwood/s3-key-format';
import { openTestStore, type TestStore } from '@cordwood/testkit';
import { type Cycle, readAll, startCycle } from './cycle-harness.ts';
import { NAMESPACE, rawBody, rawKeyOf, START, textOf } from './raw-writer.ts';

/** Retention on a real endpoint, by its clock. */

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(async () => opened.close());

const [FIRST, SECOND] = ['a'.repeat(64), 'b'.repeat(64)] as const;
const HOUR = 3_600_000;

const start = (tombstoneAge: number): Cycle =>
  startCycle(opened.store, {
    cleanupDelay: 0,
    orphanAge: 0,
    retention: { rules: { byNamespace: [], otherwise: HOUR }, tombstoneAge },
  });

async function keysOf(pod: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of opened.store.list({ prefix: '' })) keys.push(...page.objects.map(({ key }) => key));
  return keys.filter((key) => key.includes(pod));
}

const cleaned = async (cycle: Cycle, pod: string): Promise<number> => {
  let forgotten = 0;
  for (let left: number | undefined = 0; left !== undefined;) {
    const result = await cycle.cleaner.clean(pod);
    forgotten += result.forgotten;
    left = result.againInMs;
  }
  return forgotten;
};

test('a pod with an old run and a new one keeps the new one, and the tombstone goes when its time is over', async () => {
  const pod = 'stateful-0';
  const cycle = start(24 * HOUR);
  // Seconds after START that are not old by the store's clock.
  const now = Math.floor(opened.store.now() / 1000) - START;
  await opened.store.put(rawKeyOf({ pod, containerId: FIRST }, 0, 0), rawBody([0, 1]));
  await opened.store.put(rawKeyOf({ pod, containerId: SECOND }, now, 1), rawBody([now]));
  await cycle.compactor.compact(pod);
  expect(await cycle.text(pod, NAMESPACE)).toBe(textOf([0, 1, now]));
  expect(await cleaned(cycle, pod)).toBe(0);
  expect(await cycle.text(pod, NAMESPACE)).toBe(textOf([now]));
  const { metadata } = await cycle.options.metadata.read(pod);
  expect(metadata.deleted).toMatchObject([{ container_id: FIRST }]);
  expect((await keysOf(pod)).toSorted()).toEqual([...metadata.log_files.map(({ key }) => key), metadataKey(pod)]);
  await opened.store.put(rawKeyOf({ pod, containerId: FIRST }, 2, 2), rawBody([2, now]));
  expect(await cycle.text(pod, NAMESPACE)).toBe(textOf([now, now]));
  await cycle.compactor.compact(pod);
  expect(await cycle.text(pod, NAMESPACE)).toBe(textOf([now, now]));
});

test('of a pod that is wholly old nothing is left', async () => {
  const pod = 'batch';
  await opened.store.put(rawKeyOf({ pod }, 0, 0), rawBody([0, 1]));
  await start(24 * HOUR).compactor.compact(pod);
  expect(await cleaned(start(24 * HOUR), pod)).toBe(0);
  expect(await keysOf(pod)).toEqual([metadataKey(pod)]);
  expect(await cleaned(start(0), pod)).toBe(1);
  expect(await keysOf(pod)).toEqual([]);
});

test('cleaners and compactors at once, while old and new files arrive: what is new is whole', async () => {
  const pod = 'busy';
  const cycle = start(0);
  const now = Math.floor(opened.store.now() / 1000) - START;
  const written: number[] = [];
  for (let round = 0; round < 6; round++) {
    await opened.store.put(rawKeyOf({ pod, containerId: FIRST }, round, round), rawBody([round]));
    const work = [cycle.cleaner.clean(pod), cycle.compactor.compact(pod), start(0).cleaner.clean(pod)];
    await opened.store.put(rawKeyOf({ pod, containerId: SECOND }, now + round, round), rawBody([now + round]));
    written.push(now + round);
    const failed = (await Promise.allSettled(work)).flatMap((result) =>
      result.status === 'rejected' && !(result.reason instanceof CommitLostError) ? [result.reason as unknown] : [],
    );
    expect(failed).toEqual([]);
    const log = await cycle.reader.open(pod);
    const fresh = log.instances.filter(({ containerId }) => containerId === SECOND);
    expect(await readAll(cycle.reader.text(fresh))).toBe(textOf(written));
  }
  await cycle.compactor.compact(pod);
  await cleaned(cycle, pod);
  expect(await cycle.text(pod, NAMESPACE)).toBe(textOf(written));
});
