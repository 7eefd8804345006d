import { CommitLostError } from '@cordwood/log-store';
import { Crash, DyingStore, MemoryObjectStore } from '@cordwood/testkit';
import { describe, expect, test } from '@jest/globals';
import { type Cycle, startCycle } from './cycle-harness.ts';
import { deleteLog, DeletionRefusedError } from './delete-log.ts';
import { NAMESPACE, POD, rawBody, rawKey, rawKeyOf, START, textOf } from './raw-writer.ts';

const LOG = { pod: POD, namespace: NAMESPACE, container: undefined };
const HOUR = 3600;
const DELAY = 60_000;

/** An hour after the log's start by the store's clock, with merged files, raw ones that are merged, and raw ones that are not. */
async function halfMerged<Store extends MemoryObjectStore>(store: Store): Promise<{ store: Store; cycle: Cycle }> {
  const cycle = startCycle(store, { cleanupDelay: DELAY });
  store.clock = START * 1000;
  await store.put(rawKey(0, 0), rawBody([0, 1]));
  await store.put(rawKeyOf({ namespace: 'other' }, 0, 1), rawBody([5]));
  await cycle.compactor.compact(POD);
  await store.put(rawKey(60, 2), rawBody([60, 61]));
  // By the clock of a node that is far ahead.
  await store.put(rawKey(120, 3), rawBody([120, 2 * HOUR]));
  store.clock += HOUR * 1000;
  expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([0, 1, 60, 61, 120, 2 * HOUR]));
  return { store, cycle };
}

/** Cleans until nothing more is deleted. */
async function clean({ store, cycle }: { store: MemoryObjectStore; cycle: Cycle }): Promise<void> {
  for (let round = 0; round < 3; round++) {
    store.clock += 2 * DELAY;
    await cycle.cleaner.clean(POD);
  }
}

const left = (store: MemoryObjectStore): string[] =>
  [...store.objects.keys()].filter((key) => !key.startsWith('metadata/')).toSorted();

describe('a log is deleted', () => {
  test('with one commit, merged or not; what is of another namespace stays', async () => {
    const at = await halfMerged(new MemoryObjectStore());
    const deleted = await deleteLog(at.cycle.options, LOG);
    expect(deleted).toMatchObject([{ namespace: NAMESPACE, reason: 'request', records: 2, raw: [{}, {}] }]);
    expect(await at.cycle.text(POD, NAMESPACE)).toBe('');
    expect(await at.cycle.text(POD, 'other')).toBe(textOf([5]));
    // Readers that have begun still find their files.
    expect(left(at.store).filter((key) => key.includes(`_${NAMESPACE}_`))).toHaveLength(3);

    await at.cycle.compactor.compact(POD);
    await clean(at);
    expect(await at.cycle.text(POD, NAMESPACE)).toBe('');
    expect(await at.cycle.text(POD, 'other')).toBe(textOf([5]));
    const { metadata } = await at.cycle.options.metadata.read(POD);
    expect(left(at.store)).toEqual(metadata.log_files.map(({ key }) => key));
    expect(metadata.log_files).toHaveLength(1);
  });

  test('what was logged before and arrives later is gone; what is logged after it is kept', async () => {
    const { store, cycle } = await halfMerged(new MemoryObjectStore());
    await deleteLog(cycle.options, LOG);
    await store.put(rawKey(HOUR - 60, 4), rawBody([HOUR - 60, HOUR, HOUR + 1]));
    expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([HOUR, HOUR + 1]));
    await cycle.compactor.compact(POD);
    expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([HOUR, HOUR + 1]));
  });

  test('again: what came since is gone too', async () => {
    const { store, cycle } = await halfMerged(new MemoryObjectStore());
    await deleteLog(cycle.options, LOG);
    expect(await deleteLog(cycle.options, LOG)).toMatchObject([{ files: [], raw: [], records: 0 }]);
    await store.put(rawKey(HOUR, 4), rawBody([HOUR + 10]));
    await cycle.compactor.compact(POD);
    store.clock += 60_000;
    expect(await deleteLog(cycle.options, LOG)).toMatchObject([{ records: 1 }]);
    expect(await cycle.text(POD, NAMESPACE)).toBe('');
    await store.put(rawKey(HOUR + 20, 5), rawBody([HOUR + 20, HOUR + 70]));
    expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([HOUR + 70]));
    expect((await cycle.options.metadata.read(POD)).metadata.deleted).toHaveLength(1);
  });

  test('of a pod that was never merged', async () => {
    const store = new MemoryObjectStore();
    const cycle = startCycle(store, { cleanupDelay: DELAY });
    await store.put(rawKey(0, 0), rawBody([0, 1]));
    await deleteLog(cycle.options, LOG);
    expect(await cycle.text(POD, NAMESPACE)).toBe('');
    await clean({ store, cycle });
    expect(left(store)).toEqual([]);
  });

  test('of one container', async () => {
    const { cycle } = await halfMerged(new MemoryObjectStore());
    expect(await deleteLog(cycle.options, { ...LOG, container: 'sidecar' })).toEqual([]);
    expect(await cycle.text(POD, NAMESPACE)).not.toBe('');
    expect(await deleteLog(cycle.options, { ...LOG, container: POD })).toHaveLength(1);
    expect(await cycle.text(POD, NAMESPACE)).toBe('');
  });
});

describe('it is refused', () => {
  test('when the metadata is lost: merged files of all namespaces would become orphans', async () => {
    const { store, cycle } = await halfMerged(new MemoryObjectStore());
    store.objects.delete(`metadata/${POD}.json`);
    const before = left(store);
    await expect(deleteLog(cycle.options, LOG)).rejects.toThrow(DeletionRefusedError);
    expect([...store.objects.keys()].toSorted()).toEqual(before);
  });

  test('when a later program has written the metadata', async () => {
    const { cycle } = await halfMerged(new MemoryObjectStore());
    const version = await cycle.options.metadata.read(POD);
    const odd = { ...version.metadata, commit_id: 'x', pages: ['unknown'] };
    await cycle.options.metadata.commit(POD, version, odd);
    await expect(deleteLog(cycle.options, LOG)).rejects.toMatchObject({ until: 'never' });
  });
});

test.each([
  ['before it is carried out', false],
  ['after it was carried out', true],
])(
  'who deletes dies at any request, %s: the log is whole or gone, and the next try finishes',
  async (_, afterwards) => {
    let deaths = 0;
    for (let n = 0; ; n++) {
      const at = await halfMerged(new DyingStore());
      const whole = await at.cycle.text(POD, NAMESPACE);
      at.store.dieAt(n, afterwards);
      const dead = await deleteLog(at.cycle.options, LOG).then(
        () => false,
        (error: unknown) => error instanceof Crash || Promise.reject(error as Error),
      );
      at.store.revive();
      expect([whole, '']).toContain(await at.cycle.text(POD, NAMESPACE));
      await deleteLog(at.cycle.options, LOG);
      await clean(at);
      expect(await at.cycle.text(POD, NAMESPACE)).toBe('');
      expect(await at.cycle.text(POD, 'other')).toBe(textOf([5]));
      expect(left(at.store).filter((key) => key.includes(`_${NAMESPACE}_`))).toEqual([]);
      if (!dead) break;
      deaths++;
    }
    expect(deaths).toBeGreaterThan(2);
  },
);

test('while compactors, a cleaner and another deletion are at work: gone in the end, all of it', async () => {
  for (let round = 0; round < 20; round++) {
    const at = await halfMerged(new MemoryObjectStore());
    const { cycle } = at;
    const rival = startCycle(at.store, { cleanupDelay: DELAY });
    const works = [cycle.compactor.compact(POD), rival.compactor.compact(POD), cycle.cleaner.clean(POD)];
    // Each time at another point of what the workers do.
    for (let wait = 0; wait < round * 5; wait++) await Promise.resolve();
    const deletions = [deleteLog(cycle.options, LOG), deleteLog(rival.options, LOG)];
    const failed = (await Promise.allSettled([...works, ...deletions])).flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    expect(failed.filter((error) => !(error instanceof CommitLostError))).toEqual([]);
    expect(await cycle.text(POD, NAMESPACE)).toBe('');
    expect(await cycle.text(POD, 'other')).toBe(textOf([5]));
    await clean(at);
    const { metadata } = await cycle.options.metadata.read(POD);
    expect(left(at.store)).toEqual(metadata.log_files.map(({ key }) => key));
  }
});
