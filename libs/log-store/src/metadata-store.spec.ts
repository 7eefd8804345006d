import { beforeEach, describe, expect, test } from '@jest/globals';
import { applyFence, emptyPodMetadata, MetadataError, type PodMetadata } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { AccessDeniedError, NotFoundError, PreconditionFailedError, StoreUnavailableError } from './errors.ts';
import { CommitLostError, MetadataStore } from './metadata-store.ts';
import { collect } from './spec-support.ts';

const KEY = 'metadata/job-a.json';
const withId = (commitId: string): PodMetadata => applyFence(emptyPodMetadata(), { commitId });

let store: MemoryObjectStore;
let metadata: MetadataStore;
beforeEach(() => {
  store = new MemoryObjectStore();
  metadata = new MetadataStore(store);
});

const details = { operation: 'put', bucket: 'memory', key: KEY };
/** What the bucket holds. */
const storedId = async (): Promise<string> => (await metadata.read('job-a')).metadata.commit_id;

/** From the next put on: stores nothing, or stores it and then loses the answer. */
function breakNextPut(error: Error, stores: boolean): void {
  const put = store.put.bind(store);
  store.put = async (...args) => {
    store.put = put;
    if (stores) await put(...args);
    throw error;
  };
}

describe('read', () => {
  test('a pod without metadata has none yet', async () => {
    expect(await metadata.read('job-a')).toEqual({ metadata: emptyPodMetadata(), etag: undefined });
  });

  test('metadata that cannot be understood is an error, and so is a store that refuses', async () => {
    await store.put(KEY, Buffer.from('{"version":3}'));
    await expect(metadata.read('job-a')).rejects.toThrow(MetadataError);
    await expect(metadata.read('job-a')).rejects.toMatchObject({ reason: 'newer version' });
    store.before = () => {
      throw new AccessDeniedError('no', details);
    };
    await expect(metadata.read('job-a')).rejects.toThrow(AccessDeniedError);
  });
});

describe('commit', () => {
  test('creates, then replaces, and gives what the next one is conditional on', async () => {
    const first = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    const second = await metadata.commit('job-a', first, withId('2'));
    expect(second).toEqual(await metadata.read('job-a'));
    expect(await storedId()).toBe('2');
  });

  test('of two from the same state one is lost, and nothing of it stays', async () => {
    const none = await metadata.read('job-a');
    const first = await metadata.commit('job-a', none, withId('1'));
    await expect(metadata.commit('job-a', none, withId('lost'))).rejects.toThrow(CommitLostError);
    await metadata.commit('job-a', first, withId('2'));
    await expect(metadata.commit('job-a', first, withId('lost'))).rejects.toThrow(CommitLostError);
    expect(await storedId()).toBe('2');
  });

  test('metadata that was deleted meanwhile is a lost commit, not a new beginning', async () => {
    const first = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    await store.deleteMany([{ key: KEY }]);
    await expect(metadata.commit('job-a', first, withId('2'))).rejects.toThrow(CommitLostError);
    // As S3 itself answers.
    breakNextPut(new NotFoundError('404', details), false);
    await expect(metadata.commit('job-a', first, withId('2'))).rejects.toThrow(CommitLostError);
    expect(store.objects.has(KEY)).toBe(false);
  });

  test('whose answer was lost is found by its id', async () => {
    breakNextPut(new StoreUnavailableError('reset', details), true);
    const done = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    expect(done).toEqual(await metadata.read('job-a'));
    await metadata.commit('job-a', done, withId('2'));
  });

  test('which met its own repetition has won', async () => {
    breakNextPut(new PreconditionFailedError('412', details), true);
    const done = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    expect(done.etag).toBe(store.objects.get(KEY)?.etag);
  });

  test('which did not arrive is no success: to be tried again, not to be decided again', async () => {
    breakNextPut(new StoreUnavailableError('503', details), false);
    await expect(metadata.commit('job-a', await metadata.read('job-a'), withId('1'))).rejects.toThrow(
      StoreUnavailableError,
    );
    expect(store.objects.size).toBe(0);
  });

  test('refused for want of rights is reported as that, without looking', async () => {
    breakNextPut(new AccessDeniedError('403', details), false);
    await expect(metadata.commit('job-a', await metadata.read('job-a'), withId('1'))).rejects.toThrow(
      AccessDeniedError,
    );
    expect(store.requests.get('get')).toBe(1);
  });
});

describe('delete', () => {
  test('removes what is unchanged, and a commit that started from it is lost', async () => {
    const version = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    expect(await metadata.delete('job-a', version)).toBe(true);
    expect(store.objects.size).toBe(0);
    await expect(metadata.commit('job-a', version, withId('2'))).rejects.toThrow(CommitLostError);
    expect(store.objects.size).toBe(0);
    // As a repetition whose first answer was lost.
    expect(await metadata.delete('job-a', version)).toBe(true);
  });

  test('is lost to a commit in between', async () => {
    const version = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    await metadata.commit('job-a', version, withId('2'));
    await expect(metadata.delete('job-a', version)).rejects.toThrow(CommitLostError);
    expect(await storedId()).toBe('2');
  });

  test('does nothing where the store has no conditional deletes', async () => {
    const version = await metadata.commit('job-a', await metadata.read('job-a'), withId('1'));
    store.deleteUnchanged = () => Promise.resolve(false);
    expect(await metadata.delete('job-a', version)).toBe(false);
    expect(await storedId()).toBe('1');
  });
});

test('pods are those that have metadata, in order, from any on', async () => {
  for (const name of ['b.json', 'a.json', 'c.d.json', 'a/older.json', 'rubbish']) {
    await store.put(`metadata/${name}`, Buffer.from('{}'));
  }
  expect((await collect(metadata.pods())).flat()).toEqual(['a', 'b', 'c.d']);
  expect((await collect(metadata.pods({ startAfter: 'a' }))).flat()).toEqual(['b', 'c.d']);
});
