import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { ObjectStore, PutOptions } from '@cordwood/log-store';
import { emptyPodMetadata } from '@cordwood/pod-metadata';
import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { beforeEach, expect, test } from '@jest/globals';
import { type Cycle, startCycle } from './cycle-harness.ts';
import { NAMESPACE, POD, rawBody, rawKey, textOf } from './raw-writer.ts';
import { rebuildMetadata } from './rebuild/rebuild.ts';

/**
 * What docs/runbook.md says of the way back to platform-monitoring: the Python reference reads a log of ours whole when cleaning is through, and
 * why not before. `readAsReference` goes about it as the reference does.
 */

/** Content types by key: the reference goes by them, and by nothing else, to know what is compressed. */
let types: Map<string, string | undefined>;
let store: ObjectStore;
let cycle: Cycle;
beforeEach(() => {
  types = new Map();
  store = new (class extends MemoryObjectStore {
    override async put(key: string, body: Uint8Array, options: PutOptions = {}) {
      types.set(key, options.contentType);
      return super.put(key, body, options);
    }
  })();
  cycle = startCycle(store);
});

interface ReferenceMetadata {
  readonly log_files: readonly Readonly<Record<string, unknown>>[];
  readonly last_merged_key: string | null;
}

const bytesOf = async (key: string): Promise<Uint8Array> => (await store.get(key)).bytes();

/** A text of the pod's records, or an error where the reference would end in one. */
async function readAsReference(): Promise<string> {
  const metadata = JSON.parse(Buffer.from(await bytesOf(metadataKey(POD))).toString()) as ReferenceMetadata;
  // It takes these out of each entry, and of the whole, without asking whether they are there.
  for (const field of ['key', 'records_count', 'size', 'first_record_time', 'last_record_time'])
    for (const file of metadata.log_files) if (!(field in file)) throw new Error(`KeyError: ${field}`);
  if (!('last_merged_key' in metadata)) throw new Error('KeyError: last_merged_key');
  for (const { first_record_time: first, last_record_time: last } of metadata.log_files)
    for (const time of [first, last]) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);

  const merged = metadata.log_files.map(({ key }) => String(key));
  const raw: string[] = [];
  for await (const page of store.list({ prefix: `kube.var.log.containers.${POD}_${NAMESPACE}_${POD}` }))
    raw.push(...page.objects.map(({ key }) => key));
  const minuteAndIndex = (key: string) => /\/(\d+)_+(\d+)\.gz$/.exec(key) ?? [];
  raw.sort((one, other) => {
    const [[, minute = '', index], [, otherMinute = '', otherIndex]] = [minuteAndIndex(one), minuteAndIndex(other)];
    return minute.localeCompare(otherMinute) || Number(index) - Number(otherIndex);
  });
  // What sorts up to the last merged key counts as merged, where that key is still there.
  const unmerged = merged.length > 0 ? raw.slice(raw.indexOf(metadata.last_merged_key ?? '') + 1) : raw;
  let text = '';
  for (const key of [...merged, ...unmerged]) {
    const bytes = await bytesOf(key);
    const body = types.get(key) === 'application/x-gzip' ? gunzipSync(bytes) : Buffer.from(bytes);
    for (const line of body.toString().split('\n').slice(0, -1))
      text += `${(JSON.parse(line) as { log: string }).log}\n`;
  }
  return text;
}

async function merge(...seconds: number[]): Promise<void> {
  for (const second of seconds) await store.put(rawKey(second, second), rawBody([second]));
  await cycle.compactor.compact(POD);
}

test('a log whose merged raw files are deleted is read whole, with what has come since', async () => {
  await merge(0, 1);
  await merge(2);
  await cycle.cleaner.clean(POD);
  await store.put(rawKey(70, 3), rawBody([70]));
  expect(await readAsReference()).toBe(textOf([0, 1, 2, 70]));
  expect(await readAsReference()).toBe(await cycle.text(POD, NAMESPACE));
});

test('so is one whose metadata was rebuilt', async () => {
  await merge(0, 1);
  await cycle.cleaner.clean(POD);
  await store.deleteMany([{ key: metadataKey(POD) }]);
  const rebuilt = await rebuildMetadata(cycle.options, POD);
  await cycle.options.metadata.commit(
    POD,
    { metadata: emptyPodMetadata(), etag: undefined },
    {
      ...rebuilt!,
      commit_id: randomUUID(),
    },
  );
  expect(await readAsReference()).toBe(textOf([0, 1]));
});

test('before cleaning is through, it takes a late file for merged: and its compactor would delete that', async () => {
  await merge(60, 61);
  await store.put(rawKey(0, 1), rawBody([0]));
  expect(await cycle.text(POD, NAMESPACE)).toBe(textOf([0, 60, 61]));
  expect(await readAsReference()).toBe(textOf([60, 61]));
  await cycle.cleaner.clean(POD);
  // At its end and not at its time, but there.
  expect(await readAsReference()).toBe(textOf([60, 61, 0]));
});

test('a raw file that Fluent Bit compressed must be merged first: nothing tells it that the file is compressed', async () => {
  await merge(0);
  await cycle.cleaner.clean(POD);
  await store.put(rawKey(1, 1), gzipSync(rawBody([1])));
  await expect(readAsReference()).rejects.toThrow('JSON');
  await cycle.compactor.compact(POD);
  await cycle.cleaner.clean(POD);
  expect(await readAsReference()).toBe(textOf([0, 1]));
});
