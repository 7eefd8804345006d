import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeEach, expect, test } from '@jest/globals';
import { Cleaner, type CompactionOptions, Compactor, DEFAULT_LIMITS } from '@cordwood/compaction';
import { LogReader, MetadataStore } from '@cordwood/log-store';
import { expiredInstances, type LogFile } from '@cordwood/pod-metadata';
import { MemoryObjectStore, putRaw } from '@cordwood/testkit';
import { checkPod } from './check-pod.ts';
import { explain } from './findings.ts';
import type { DoctorOptions } from './options.ts';
import { repairPod } from './repair.ts';

const HOUR = 3_600_000;
/** Long enough that half of their gzip holds some of them. */
const LINES = Array.from({ length: 3000 }, (_, n) => `line ${n.toString()} ${((n * 7919) % 10_007).toString()}`);

let store: MemoryObjectStore;
let options: DoctorOptions & CompactionOptions;
let file: LogFile;
beforeEach(async () => {
  store = new MemoryObjectStore();
  options = {
    store,
    metadata: new MetadataStore(store),
    cleanupDelay: HOUR,
    orphanAge: 6 * HOUR,
    reorderWindow: 10_000,
    mergedFileSize: 1024 * 1024,
    maxRecord: 1024 * 1024,
    legacyNamespace: undefined,
    deep: true,
    limits: DEFAULT_LIMITS,
    onDamage: () => undefined,
    onStray: () => undefined,
  };
  await putRaw(store, { pod: 'p', index: 0, messages: LINES });
  await new Compactor(options).compact('p');
  file = (await read()).log_files[0]!;
});

const read = async () => (await options.metadata.read('p')).metadata;
const setEntry = async (change: Partial<LogFile>): Promise<void> => {
  const version = await options.metadata.read('p');
  const log_files = version.metadata.log_files.map((each) => ({ ...each, ...change }));
  await options.metadata.commit('p', version, { ...version.metadata, commit_id: 'by hand', log_files });
};
const bytes = async (key: string): Promise<Uint8Array> => (await store.get(key)).bytes();
const truncate = async (): Promise<Uint8Array> => {
  const whole = await bytes(file.key);
  const half = whole.subarray(0, whole.length / 2);
  await store.put(file.key, half);
  return half;
};
const kinds = async (): Promise<string[]> =>
  (await checkPod(options, 'p')).filter((each) => explain(each).severity === 'problem').map(({ kind }) => kind);
const repair = async (acceptDamage: boolean): Promise<string[]> => {
  const done: string[] = [];
  const how = { ...options, dropMissing: false, acceptDamage, onDone: (what: string) => void done.push(what) };
  await repairPod(how, 'p', await checkPod(options, 'p'));
  return done;
};
const text = async (): Promise<string> => {
  const reader = new LogReader({ ...options, maxMessage: 1024 * 1024 });
  const parts: Uint8Array[] = [];
  for await (const part of reader.text((await reader.open('p')).instances)) parts.push(part);
  return Buffer.concat(parts).toString();
};
const whole = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

test('a truncated file: what can be read of it takes its place, the log can be read and merged again, and the damage is listed', async () => {
  const half = await truncate();
  expect(await kinds()).toEqual(['file changed', 'file damaged']);
  expect(await repair(false)).toEqual([]);
  expect((await read()).log_files).toEqual([file]);

  const [done] = await repair(true);
  const metadata = await read();
  const [entry] = metadata.log_files;
  const left = entry?.records_count ?? 0;
  const lost = LINES.length - left;
  expect(left).toBeGreaterThan(0);
  expect(lost).toBeGreaterThan(0);
  expect(done).toContain(`with ${left.toString()} records; ${lost.toString()} are lost`);
  expect(await text()).toBe(whole(LINES.slice(0, left)));
  expect(await kinds()).toEqual([]);

  const [damaged] = metadata.damaged;
  expect(damaged).toMatchObject({
    key: file.key,
    reason: expect.stringContaining(`${lost.toString()} of 3000 records`),
  });
  expect(Buffer.from(await bytes(damaged!.kept_as)).equals(half)).toBe(true);
  // It belongs to the container's log, and is deleted with it.
  const rules = { byNamespace: [], otherwise: 0 };
  const now = store.now() + 1e12;
  expect(
    expiredInstances(metadata, { rules, legacyNamespace: undefined, now, hasUnmerged: () => false }),
  ).toMatchObject([{ files: [entry?.key], damaged: [damaged?.kept_as] }]);

  // The raw file is still there, but merged: nothing of it comes again.
  await putRaw(store, { pod: 'p', index: 1, messages: ['next'] });
  await new Compactor(options).compact('p');
  store.clock += 2 * HOUR;
  await new Cleaner(options).clean('p');
  expect(store.objects.has(file.key)).toBe(false);
  expect(store.objects.has(damaged!.kept_as)).toBe(true);
  expect(await text()).toBe(whole([...LINES.slice(0, left), 'next']));
  expect(await kinds()).toEqual([]);
});

test('a file of which nothing can be read: its entry goes', async () => {
  const whole = await bytes(file.key);
  await store.put(file.key, whole.subarray(0, 12));
  const [done] = await repair(true);
  expect(done).toMatch(
    /nothing of it can be read, its entry is dropped; 3000 are lost, the damaged file is kept as damaged\//,
  );
  expect((await read()).log_files).toEqual([]);
  expect(await text()).toBe('');
  expect(await kinds()).toEqual([]);
});

test('fewer records than listed, in a file that is whole', async () => {
  const records = gunzipSync(await bytes(file.key))
    .toString()
    .split('\n');
  await store.put(file.key, gzipSync(`${records.slice(0, 2).join('\n')}\n`));
  await repair(true);
  const { log_files: files, damaged } = await read();
  expect(files).toMatchObject([{ records_count: 2, last_record_time: expect.any(String) }]);
  expect(damaged).toMatchObject([{ key: file.key, reason: expect.stringContaining('2998 of 3000 records are lost') }]);
  expect(await text()).toBe(whole(LINES.slice(0, 2)));
  expect(await kinds()).toEqual([]);
});

test('an entry with a wrong count, of a file that is as it was: nothing is lost', async () => {
  await setEntry({ records_count: 2999 });
  expect(await kinds()).toEqual(['file damaged']);
  expect(await repair(false)).toEqual([]);
  expect(await repair(true)).toEqual([expect.stringMatching(/ with 3000 records; none is lost$/)]);
  expect((await read()).damaged).toEqual([]);
  expect(await text()).toBe(whole(LINES));
  expect(await kinds()).toEqual([]);
});

test('an entry of which the ETag and the stored size alone are wrong is corrected by --repair', async () => {
  await setEntry({ etag: 'other', stored_size: 7 });
  expect(await kinds()).toEqual(['file changed']);
  expect(await repair(false)).toEqual([`corrected the entry of ${file.key}: its records are as listed`]);
  expect((await read()).log_files).toEqual([file]);
  expect(await kinds()).toEqual([]);
});

test('a worker that commits first is not overruled', async () => {
  await truncate();
  const findings = await checkPod(options, 'p');
  let late = true;
  store.before = async (operation, key) => {
    if (!late || operation !== 'put' || key !== 'metadata/p.json') return;
    late = false;
    await putRaw(store, { pod: 'p', index: 1, messages: ['next'] });
    await new Compactor(options).compact('p');
  };
  await repairPod({ ...options, dropMissing: false, acceptDamage: true, onDone: () => undefined }, 'p', findings);
  expect(late).toBe(false);
  expect(await text()).toMatch(/line 0 .*\nnext\n$/s);
  expect(await kinds()).toEqual([]);
});
