import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { formatTime } from '@cordwood/log-record';
import { MemoryObjectStore } from '@cordwood/testkit';
import { bufferSize } from './buffer-pool.ts';
import { LogReader } from './log-reader.ts';
import { MetadataStore } from './metadata-store.ts';
import { ReadAhead } from './read-ahead.ts';
import { BASE, collect, CONTAINER_ID, messageOf, rawKey, WINDOW } from './spec-support.ts';

/** Of text: some pieces of gzip each, whose first one is not all. */
const FILES = 12;
const LINES = 1000;
/** What `gzip` cannot make much smaller. */
const noise = (seed: number): string => {
  let state = seed + 1;
  return Array.from({ length: 600 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state % 36).toString(36);
  }).join('');
};

let store: MemoryObjectStore;
/** Keys of files that were asked for, as the answers came to be used. */
let asked: string[];
beforeEach(() => {
  store = new MemoryObjectStore();
  asked = [];
  store.before = (operation, key) => {
    if (operation === 'get' && !key.startsWith('metadata/')) asked.push(key);
  };
});

afterEach(() => {
  jest.restoreAllMocks();
});

const reader = (readAhead?: number): LogReader =>
  new LogReader({
    readAhead,
    store,
    metadata: new MetadataStore(store),
    reorderWindow: WINDOW,
    maxRecord: 1_000_000,
    maxMessage: 1_000_000,
    legacyNamespace: undefined,
    onDamage: ({ key, reason }) => {
      throw new Error(`${key}: ${reason}`);
    },
  });

const timeOf = (file: number, line: number): string => formatTime({ seconds: BASE + file * 60 + line / 20, nanos: 0 });

const textOf = (file: number): string =>
  Array.from(
    { length: LINES },
    (_, line) => `{"time":"${timeOf(file, line)}","stream":"stdout","log":"${noise(file * LINES + line)}"}\n`,
  ).join('');

const wholeLog = (): string => Array.from({ length: FILES * LINES }, (_, line) => `${noise(line)}\n`).join('');

/** Merged files of one container instance, or of one for each. */
async function putMerged(
  ids = Array.from({ length: FILES }, () => CONTAINER_ID),
  encode: (text: string) => Uint8Array = gzipSync,
): Promise<string[]> {
  const logFiles = [];
  for (const [index, id] of ids.entries()) {
    const key = `logs/job-a/${id}/file-${index.toString()}.gz`;
    const text = textOf(index);
    const stored = encode(text);
    const [first, last] = [timeOf(index, 0), timeOf(index, LINES - 1)];
    await store.put(key, stored);
    logFiles.push({
      key,
      records_count: LINES,
      size: text.length,
      stored_size: stored.length,
      namespace: 'team',
      container: 'main',
      container_id: id,
      first_record_time: first,
      last_record_time: last,
      order_time: first,
      end_order_time: last,
      last_raw: {},
    });
  }
  const metadata = { version: 2, commit_id: 'c', log_files: logFiles };
  await store.put('metadata/job-a.json', Buffer.from(JSON.stringify(metadata)));
  return logFiles.map(({ key }) => key);
}

async function putRaw(): Promise<string[]> {
  const keys: string[] = [];
  for (let file = 0; file < FILES; file++) {
    store.clock += 1000;
    const key = rawKey(`20261120${(1000 + file).toString()}`, file);
    await store.put(key, Buffer.from(textOf(file)));
    keys.push(key);
  }
  return keys;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await setImmediate();
}

async function text(from = reader()): Promise<string> {
  const { instances } = await from.open('job-a');
  asked = [];
  return Buffer.concat(await collect(from.text(instances))).toString();
}

/** The files that were asked for by the time that a reader stops whose text has come to so many bytes; of raw ones, to be read whole. */
async function askedAt(bytes: number, from: LogReader, what: 'text' | 'messages'): Promise<readonly string[]> {
  const { instances } = await from.open('job-a');
  asked = [];
  let read = 0;
  const chunks = async function* (): AsyncGenerator<number> {
    if (what === 'text') for await (const chunk of from.text(instances)) yield chunk.length;
    else for await (const { messages } of from.messages(instances)) yield messages.length * 600;
  };
  for await (const size of chunks()) {
    read += size;
    if (read < bytes) continue;
    await settled();
    return [...asked];
  }
  throw new Error(`the text has ${read.toString()} bytes only`);
}

const HALF_A_FILE = (LINES * 600) / 2;

describe.each(['text', 'messages'] as const)('%s', (what) => {
  test('the next merged file is fetched while one is shown', async () => {
    const keys = await putMerged();
    expect(await askedAt(HALF_A_FILE, reader(), what)).toEqual(keys.slice(0, 2));
    expect(await askedAt(HALF_A_FILE, reader(0), what)).toEqual(keys.slice(0, 1));
  });

  test('the next raw file is fetched while one is shown', async () => {
    const keys = await putRaw();
    // Their beginnings come first: they tell the order.
    const read = await askedAt(HALF_A_FILE, reader(), what);
    expect(read.slice(FILES)).toEqual(keys.slice(0, 2));
    expect((await askedAt(HALF_A_FILE, reader(0), what)).slice(FILES)).toEqual(keys.slice(0, 1));
  });

  test('the next container instance is no reason to wait', async () => {
    const keys = await putMerged(Array.from({ length: FILES }, (_, index) => index.toString(16).repeat(64)));
    expect(await askedAt(HALF_A_FILE, reader(), what)).toEqual(keys.slice(0, 2));
    expect(await askedAt(5 * HALF_A_FILE, reader(), what)).toContain(keys[3]);
  });
});

test.each(['merged', 'raw'])('each file is asked for once, and the text is the same: %s', async (kind) => {
  const keys = await (kind === 'raw' ? putRaw() : putMerged());
  expect(await text()).toBe(wholeLog());
  const [ahead, wanted] = [asked, keys];
  expect(await text(reader(0))).toBe(wholeLog());
  expect(ahead.toSorted()).toEqual(asked.toSorted());
  expect(new Set(ahead)).toEqual(new Set(wanted));
});

test.each(['gzip', 'plain'])('messages stay as they are while files are read after them: %s', async (format) => {
  await putMerged(undefined, (text) => (format === 'gzip' ? gzipSync(text) : Buffer.from(text)));
  const from = reader();
  const { instances } = await from.open('job-a');
  const batches = await collect(from.messages(instances));
  const lines = batches.flatMap(({ messages }) => messages.map((message) => `${messageOf(message)}\n`));
  expect(lines.join('')).toBe(wholeLog());
});

test('files beyond what is wanted are not fetched', async () => {
  const keys = await putMerged();
  const from = reader();
  const { instances } = await from.open('job-a');
  asked = [];
  const seconds = BASE + 5 * 60;
  await collect(
    from.messages(instances, { since: { seconds, nanos: 0 }, until: { seconds: seconds + 100, nanos: 0 } }),
  );
  expect(asked).toEqual(keys.slice(5, 7));
  asked = [];
  await collect(from.messages(instances, { tail: LINES + 1 }));
  expect(new Set(asked)).toEqual(new Set(keys.slice(-2)));
});

test('reads that were broken off leave all the room to the next', async () => {
  const keys = await putMerged();
  // One may be fetched ahead when none is used.
  const from = reader(largestOf(keys));
  for (let bytes = 1; bytes < 10 * HALF_A_FILE; bytes += HALF_A_FILE) await askedAt(bytes, from, 'text');
  store.before = (operation, key) => {
    if (operation === 'get' && !key.startsWith('metadata/')) asked.push(key);
    if (key === keys[3]) throw new Error('the store fails');
  };
  await expect(text(from)).rejects.toThrow('the store fails');
  expect(await askedAt(HALF_A_FILE, from, 'text')).toEqual(keys.slice(0, 2));
});

test('the text goes on when files that were fetched ahead are replaced, and those that are left of them are let go', async () => {
  const keys = await putMerged();
  const from = reader();
  const { instances } = await from.open('job-a');
  const letGo = jest.spyOn(ReadAhead.prototype, 'clear');
  const parts: Uint8Array[] = [];
  for await (const chunk of from.text(instances)) {
    const before = lengthOf(parts);
    parts.push(chunk);
    if (before >= 5 * HALF_A_FILE || lengthOf(parts) < 5 * HALF_A_FILE) continue;
    await settled();
    await replaceAll(keys);
  }
  expect(Buffer.concat(parts).toString()).toBe(wholeLog());
  expect(asked.slice(-2)).toEqual([newName(keys.at(-2)), newName(keys.at(-1))]);
  // Once more at the end.
  expect(letGo).toHaveBeenCalledTimes(2);
});

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);
/** What any one of them takes of the room. */
const largestOf = (keys: readonly string[]): number =>
  bufferSize(Math.max(...keys.map((key) => store.objects.get(key)?.size ?? 0)));
const newName = (key = ''): string => key.replace('file-', 'new-');

/** Puts the same records into other files. */
async function replaceAll(keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.copy(key, newName(key));
  const metadata = Buffer.from(store.objects.get('metadata/job-a.json')?.bytes ?? []).toString();
  await store.put('metadata/job-a.json', Buffer.from(metadata.replaceAll('file-', 'new-')));
  await store.deleteMany(keys.map((key) => ({ key })));
}
