import { beforeEach, describe, expect, test } from '@jest/globals';
import { Cleaner, type CompactionOptions, Compactor, DEFAULT_LIMITS } from '@cordwood/compaction';
import { LogReader, MetadataStore } from '@cordwood/log-store';
import { MemoryObjectStore, putRaw, referenceBucket } from '@cordwood/testkit';
import { checkBucket, checkPods } from './check-bucket.ts';
import { checkPod } from './check-pod.ts';
import { explain, type Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';
import { repairPod } from './repair.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let store: MemoryObjectStore;
let options: DoctorOptions & CompactionOptions;
beforeEach(() => {
  store = new MemoryObjectStore();
  options = {
    store,
    metadata: new MetadataStore(store),
    cleanupDelay: 15 * MINUTE,
    orphanAge: 6 * HOUR,
    reorderWindow: 10_000,
    mergedFileSize: 1024 * 1024,
    maxRecord: 1024 * 1024,
    legacyNamespace: undefined,
    deep: false,
    limits: DEFAULT_LIMITS,
    onDamage: () => undefined,
    onStray: () => undefined,
  };
});

const merge = async (): Promise<void> => {
  await new Compactor(options).compact('p');
};
const clean = async (): Promise<void> => {
  await new Cleaner(options).clean('p');
};
const upload = async (index: number, ...messages: string[]): Promise<string> => {
  store.clock += 1000;
  return putRaw(store, { pod: 'p', index, messages });
};
const check = async (): Promise<Finding[]> => checkPod(options, 'p');
const problems = (findings: readonly Finding[]): Finding[] =>
  findings.filter((finding) => explain(finding).severity === 'problem');
const repair = async (): Promise<string[]> => {
  const done: string[] = [];
  await repairPod(
    { ...options, dropMissing: false, acceptDamage: false, onDone: (what) => done.push(what) },
    'p',
    await check(),
  );
  return done;
};
const text = async (namespace = 'jobs', pod = 'p'): Promise<string> => {
  const reader = new LogReader({ ...options, maxMessage: 1024 * 1024 });
  const { instances } = await reader.open(pod);
  const parts: Uint8Array[] = [];
  for await (const part of reader.text(instances.filter((instance) => instance.namespace === namespace)))
    parts.push(part);
  return Buffer.concat(parts).toString();
};
const ORPHAN = 'data/p/0a/202611201000_99.gz';

describe('what is left over', () => {
  test('a pod at any stage of an ordinary life is healthy', async () => {
    await upload(0, 'one');
    expect(await check()).toEqual([]);
    await merge();
    expect(await check()).toEqual([]);
    await upload(1, 'two');
    await merge();
    store.clock += 16 * MINUTE;
    expect(await check()).toEqual([]);
    await clean();
    expect(await check()).toEqual([]);
  });

  test('merged raw files and replaced files that nobody cleans', async () => {
    const first = await upload(0, 'one');
    await merge();
    await upload(1, 'two');
    await merge();
    const { metadata } = await options.metadata.read('p');
    store.clock += 2 * HOUR;
    expect(await check()).toEqual([
      { kind: 'raw files left', pod: 'p', key: first, count: 2, since: metadata.merged_raw[0]?.merged_at },
      {
        kind: 'superseded files left',
        pod: 'p',
        key: metadata.superseded[0]?.key,
        count: 1,
        since: metadata.superseded[0]?.since,
      },
    ]);
    expect(await repair()).toEqual(['cleaned p: deleted 2 raw, 1 superseded, 0 orphaned files']);
    expect(await check()).toEqual([]);
    expect(await text()).toBe('one\ntwo\n');
  });

  test('orphans by their age', async () => {
    await upload(0, 'one');
    await merge();
    await store.put(ORPHAN, Buffer.from('x'));
    const orphan = async () => (await check()).find(({ kind }) => kind === 'orphan');
    expect(await orphan()).toMatchObject({ key: ORPHAN, state: 'young' });
    store.clock += 6 * HOUR;
    expect(await orphan()).toMatchObject({ key: ORPHAN, state: 'due' });
    expect(problems((await check()).filter(({ kind }) => kind === 'orphan'))).toEqual([]);
    store.clock += 2 * HOUR;
    expect(problems([(await orphan())!])).toMatchObject([{ key: ORPHAN, state: 'overdue', ageMs: 8 * HOUR }]);
    await repair();
    expect(await check()).toEqual([]);
  });

  test('orphans that hold records which are nowhere else: older metadata was put back', async () => {
    options = { ...options, deep: true };
    await upload(0, 'one');
    await merge();
    const older = await (await store.get('metadata/p.json')).bytes();
    await upload(1, 'two');
    await merge();
    const [file] = (await options.metadata.read('p')).metadata.log_files;
    await store.put('metadata/p.json', older);
    // All of it is in raw files yet.
    expect(problems(await check())).toEqual([]);
    for (const key of [...store.objects.keys()].filter((each) => each.startsWith('kube.'))) store.objects.delete(key);
    store.clock += 9 * HOUR;
    const lost = { kind: 'orphan records', pod: 'p', key: file?.key, records: 1 };
    expect(problems(await check())).toContainEqual(lost);
    expect(await repair()).toEqual([]);
    store.objects.delete('metadata/p.json');
    await repair();
    expect(await text()).toBe('one\ntwo\n');
  });

  test('raw files: written anew after their merge, waiting for long', async () => {
    const key = await upload(0, 'one');
    await merge();
    await upload(0, 'two');
    expect(await check()).toEqual([{ kind: 'raw file overwritten', pod: 'p', key }]);
    store.clock += 5 * HOUR;
    const waiting = { kind: 'raw files waiting', pod: 'p', key, count: 1, ageMs: 5 * HOUR };
    expect(await check()).toContainEqual(waiting);
  });

  test('a copy of a damaged object that is gone', async () => {
    const key = await upload(0, 'one');
    await store.put(key, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
    await merge();
    const [finding] = (await check()).filter(({ kind }) => kind === 'set aside');
    expect(problems([finding!])).toEqual([]);
    await store.deleteMany([{ key: (finding as { keptAs: string }).keptAs }]);
    expect(problems(await check())).toMatchObject([{ kind: 'set aside', key, isKept: false }]);
  });
});

describe('metadata that is not there', () => {
  test('files just written, beside raw files: a first merge', async () => {
    await upload(0, 'one');
    await store.put(ORPHAN, Buffer.from('x'));
    expect(problems(await check())).toEqual([]);
    expect(await check()).toMatchObject([{ kind: 'first merge', files: 1 }]);
    store.clock += 16 * MINUTE;
    expect(problems(await check())).toMatchObject([{ kind: 'metadata lost', files: 1 }]);
  });

  test('a worker that is faster than the repair is not overruled', async () => {
    await upload(0, 'one');
    await merge();
    await store.put('metadata/p.json', Buffer.from('{'));
    const findings = await check();
    let late = true;
    store.before = async (operation, key) => {
      if (!late || operation !== 'put' || key !== 'metadata/p.json') return;
      late = false;
      // Somebody puts it right by hand in the meantime, and a merge follows.
      store.objects.delete('metadata/p.json');
      await upload(1, 'two');
      await merge();
    };
    const done: string[] = [];
    await repairPod(
      { ...options, dropMissing: false, acceptDamage: false, onDone: (what) => done.push(what) },
      'p',
      findings,
    );
    expect(done).toEqual([expect.stringMatching(/^kept metadata\/p\.json as damaged-metadata\/p\//)]);
    expect(await text()).toBe('one\ntwo\n');
    expect(problems(await check())).toEqual([]);
  });

  test('damage without a single merged file: the pod begins anew', async () => {
    await upload(0, 'one');
    await store.put('metadata/p.json', Buffer.from('{'));
    await repair();
    expect(await text()).toBe('one\n');
    await merge();
    expect(await text()).toBe('one\n');
  });

  test.each(['03-compacted-fresh', '04-compacted-cleaned', '06-resumed'] as const)(
    'of the reference, %s: the text is the same',
    async (name) => {
      const { objects, reads } = referenceBucket(name);
      for (const { key, body, contentType } of objects) await store.put(key, body, { contentType });
      options = { ...options, legacyNamespace: 'default' };
      for (const pod of new Set(reads.map((read) => read.pod))) {
        const before = await text('default', pod);
        expect(before).not.toBe('');
        store.objects.delete(`metadata/${pod}.json`);
        store.clock += HOUR;
        const findings = await checkPod(options, pod);
        expect(problems(findings)).toMatchObject([{ kind: 'metadata lost' }]);
        await repairPod(
          { ...options, dropMissing: false, acceptDamage: false, onDone: () => undefined },
          pod,
          findings,
        );
        expect(await text('default', pod)).toBe(before);
        await new Compactor(options).compact(pod);
        store.clock += HOUR;
        await new Cleaner(options).clean(pod);
        expect(await text('default', pod)).toBe(before);
      }
    },
  );
});

test('a file that is replaced and cleaned while the doctor looks is not missing', async () => {
  await upload(0, 'one');
  await merge();
  await upload(1, 'two');
  let others = true;
  store.before = async (operation, key) => {
    if (!others || operation !== 'list' || key !== 'data/p/') return;
    others = false;
    await merge();
    store.clock += 16 * MINUTE;
    await clean();
  };
  expect(await check()).toEqual([]);
});

test('the whole bucket: every pod once, with one GET each and no contents read', async () => {
  await upload(0, 'one');
  await merge();
  await putRaw(store, { pod: 'p-only-raw', index: 0, messages: ['x'] });
  await store.put('data/p.only-data/0a/202611201000_1.gz', Buffer.from('x'));
  await store.put('logs/a-reference/0a/202611201000_1.gz', Buffer.from('x'));
  await store.put('metadata/up/p.json', Buffer.from('x'));
  store.requests.clear();
  const pods: (string | undefined)[] = [];
  const found: Finding[] = [];
  for await (const { pod, findings } of checkBucket(options)) {
    pods.push(pod);
    found.push(...findings);
  }
  expect(pods.toSorted()).toEqual(['a-reference', 'p', 'p-only-raw', 'p.only-data', undefined].toSorted());
  expect(problems(found).map(({ kind, key }) => [kind, key])).toEqual([
    ['unknown object', 'metadata/up/p.json'],
    ['metadata lost', 'metadata/p.only-data.json'],
    ['metadata lost', 'metadata/a-reference.json'],
  ]);
  expect(store.requests.get('get')).toBe(4);
  expect(store.requests.has('put')).toBe(false);
});

test('what belongs to no pod is named by keys that exist, of very many the first hundred', async () => {
  const garbage = 'kube.var.log.containers.garbage/202611200000_';
  await store.put(`${garbage}5.gz`, Buffer.from('x'));
  for (let n = 0; n < 101; n++) await store.put(`data/not_a_pod/${n.toString().padStart(3, '0')}`, Buffer.from('x'));
  const found: Finding[] = [];
  for await (const { findings } of checkBucket(options)) found.push(...findings);
  const named = found.filter(({ kind }) => kind === 'unknown object').map(({ key }) => key);
  expect(named).toHaveLength(101);
  expect(named.filter((key) => !store.objects.has(key))).toEqual([]);
  expect(named).toContain(`${garbage}5.gz`);
  expect(found).toContainEqual({ kind: 'more unknown objects', key: 'data/not_a_pod/', named: 100 });
});

test('named pods come in their order', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `p-${((n * 7) % 20).toString()}`);
  const pods: (string | undefined)[] = [];
  for await (const { pod } of checkPods(options, names)) pods.push(pod);
  expect(pods).toEqual(names);
});
