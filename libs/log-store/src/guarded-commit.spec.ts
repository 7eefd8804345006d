import { applyFence, emptyPodMetadata, type PodMetadata, serializePodMetadata } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { beforeEach, expect, test } from '@jest/globals';
import type { CommitGuard } from './commit-guard.ts';
import { AccessDeniedError, StoreUnavailableError } from './errors.ts';
import { CommitLostError, MetadataStore } from './metadata-store.ts';

const KEY = 'metadata/job-a.json';
const withId = (commitId: string): PodMetadata => applyFence(emptyPodMetadata(), { commitId });
const details = { operation: 'put', bucket: 'memory', key: KEY };

/** Takes conditions, and does not care. */
class CarelessStore extends MemoryObjectStore {
  override put: MemoryObjectStore['put'] = (key, body, options) => {
    const { condition: _condition, ...rest } = options ?? {};
    return MemoryObjectStore.prototype.put.call(this, key, body, rest);
  };
}

let store: CarelessStore;
/** What happened, in order. */
let events: string[];
let remainingMs: number;
let onRenew: () => void;
let metadata: MetadataStore;

const guard: CommitGuard = {
  acquire: async (pod) => {
    events.push(`acquire ${pod}`);
    return {
      renew: async () => {
        events.push('renew');
        onRenew();
      },
      remainingMs: () => remainingMs,
      release: async () => void events.push('release'),
    };
  },
};

beforeEach(() => {
  store = new CarelessStore();
  events = [];
  remainingMs = 10_000;
  onRenew = () => undefined;
  metadata = new MetadataStore(store, () => guard);
  store.before = (operation) => void events.push(operation);
});

const commit = async (id: string) => metadata.commit('job-a', await metadata.read('job-a'), withId(id));
const storedId = async () => (await metadata.read('job-a')).metadata.commit_id;
/** Another worker, who does not ask the guard. */
const overwrite = (id: string) => store.put(KEY, Buffer.from(serializePodMetadata(withId(id))));

test('compares, asks for the lease as the last thing before the put, and looks at what was stored', async () => {
  const before = await metadata.read('job-a');
  events = [];
  const first = await metadata.commit('job-a', before, withId('1'));
  expect(events).toEqual(['acquire job-a', 'head', 'renew', 'put', 'get', 'release']);
  expect(first).toEqual(await metadata.read('job-a'));
  await metadata.commit('job-a', first, withId('2'));
  expect(await storedId()).toBe('2');
});

test('of two from the same state one is lost, and nothing of it is written', async () => {
  const none = await metadata.read('job-a');
  const first = await metadata.commit('job-a', none, withId('1'));
  events = [];
  await expect(metadata.commit('job-a', none, withId('lost'))).rejects.toThrow(CommitLostError);
  expect(events).toEqual(['acquire job-a', 'head', 'release']);
  await metadata.commit('job-a', first, withId('2'));
  await expect(metadata.commit('job-a', first, withId('lost'))).rejects.toThrow(CommitLostError);
  expect(await storedId()).toBe('2');
});

test('metadata that cannot be understood can be replaced', async () => {
  const { etag } = await store.put(KEY, Buffer.from('{"version":2,'));
  await metadata.commit('job-a', { metadata: emptyPodMetadata(), etag }, withId('repaired'));
  expect(await storedId()).toBe('repaired');
});

test('without the guard nothing is written, and it is worth another try', async () => {
  const away = new Error('Redis gave no answer');
  const refusing = new MetadataStore(store, () => ({ acquire: () => Promise.reject(away) }));
  const commit = refusing.commit('job-a', await metadata.read('job-a'), withId('1'));
  await expect(commit).rejects.toThrow(StoreUnavailableError);
  await expect(commit).rejects.toMatchObject({ cause: away, key: KEY });
  const stopped = AbortSignal.abort(new Error('the process stops'));
  const aborted = refusing.commit('job-a', { metadata: emptyPodMetadata(), etag: undefined }, withId('1'), stopped);
  await expect(aborted).rejects.toThrow('the process stops');
  expect(store.objects.size).toBe(0);
});

test('a lease that was lost while comparing stops the put', async () => {
  onRenew = () => {
    throw new Error('the lock was lost');
  };
  await expect(commit('1')).rejects.toThrow(StoreUnavailableError);
  expect(store.objects.size).toBe(0);
  expect(events.at(-1)).toBe('release');
});

test('a lease that ran out after it was renewed stops the put on its way out', async () => {
  store.before = (operation) => {
    // As for a process that was frozen while the request was being prepared.
    if (operation === 'put') remainingMs = 0;
  };
  await expect(commit('1')).rejects.toThrow('run out');
  expect(store.objects.size).toBe(0);
});

test('a put that takes longer than the lease is broken off, and the lease is not given back', async () => {
  remainingMs = 50;
  const { promise: never } = Promise.withResolvers<undefined>();
  store.put = (_key, _body, options) =>
    Promise.race([
      never.then(() => ({ etag: '' })),
      new Promise<never>((_resolve, reject) => {
        const signal = options?.signal;
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    ]);
  await expect(commit('1')).rejects.toThrow(StoreUnavailableError);
  expect(events).not.toContain('release');
});

test('a put whose answer was lost is looked up', async () => {
  const put = store.put.bind(store);
  store.put = async (...args) => {
    await put(...args);
    throw new StoreUnavailableError('reset', details);
  };
  expect((await commit('1')).metadata.commit_id).toBe('1');
  expect(events.at(-1)).toBe('release');
});

test('what may still arrive keeps the others waiting; what was refused is an error like any', async () => {
  store.put = () => Promise.reject(new StoreUnavailableError('reset', details));
  await expect(commit('1')).rejects.toThrow(StoreUnavailableError);
  expect(events).not.toContain('release');
  store.put = () => Promise.reject(new AccessDeniedError('403', details));
  await expect(commit('1')).rejects.toThrow(AccessDeniedError);
});

test('a commit that somebody overwrote at once is lost', async () => {
  store.before = async (operation) => {
    events.push(operation);
    if (operation === 'get' && events.includes('put')) {
      store.before = () => undefined;
      await overwrite('frozen');
    }
  };
  await expect(commit('1')).rejects.toThrow(CommitLostError);
  expect(await storedId()).toBe('frozen');
});
