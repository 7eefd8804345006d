import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogRecord } from '@cordwood/log-record';
import { MemoryObjectStore } from '@cordwood/testkit';
import { NotFoundError, PreconditionFailedError } from './errors.ts';
import { RawFile, type RawFileOptions } from './raw-file.ts';
import { listRawFiles, podsWithRawFiles } from './raw-listing.ts';
import { BASE, collect, CONTAINER_ID, type Line, messageOf, rawKey, rawText, timeAt, WINDOW } from './spec-support.ts';

const KEY = rawKey('202611201000', 0);
const OPTIONS: RawFileOptions = { keepUpTo: 1_000_000, maxRecord: 10_000, reorderWindow: WINDOW };

let store: MemoryObjectStore;
beforeEach(() => {
  store = new MemoryObjectStore();
});

async function open(body: Uint8Array | string, options: Partial<RawFileOptions> = {}, key = KEY): Promise<RawFile> {
  await store.put(key, Buffer.from(body));
  const { files } = await listRawFiles(store, 'job-a');
  return RawFile.open(
    store,
    files.find((file) => file.key === key)!,
    { ...OPTIONS, ...options },
  );
}
const recordsOfFile = async (file: RawFile): Promise<LogRecord[]> => (await collect(file.records())).flat();
const messagesOf = async (file: RawFile): Promise<string[]> => (await recordsOfFile(file)).map(messageOf);
const lines = (count: number, length = 10): Line[] =>
  Array.from({ length: count }, (_, i) => ({ at: i, log: i.toString().padEnd(length, 'x') }));
const logs = (of: readonly Line[]): string[] => of.map(({ log }) => log);

describe('records', () => {
  test('are the same whether the object is kept or read again, plain or gzip, small or large', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(8000), { maxLength: 40 }),
        fc.boolean(),
        fc.boolean(),
        async (lengths, zipped, kept) => {
          const all = lengths.map((length, at) => ({ at, log: `${at}`.padEnd(length, '.') }));
          const text = Buffer.from(rawText(all));
          const file = await open(zipped || all.length === 0 ? gzipSync(text) : text, { keepUpTo: kept ? 1e6 : 0 });
          expect(file.order).toEqual(all.length === 0 ? undefined : { seconds: BASE, nanos: 0 });
          expect(await messagesOf(file)).toEqual(logs(all));
          expect(file.damage).toBeUndefined();
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a small object costs one request, a large one a look at its beginning and one more', async () => {
    await messagesOf(await open(rawText(lines(10))));
    expect(store.requests.get('get')).toBe(1);
    await messagesOf(await open(rawText(lines(10)), { keepUpTo: 10 }));
    expect(store.requests.get('get')).toBe(3);
  });

  test('the last line may lack its newline', async () => {
    expect(await messagesOf(await open(rawText(lines(3)).trimEnd()))).toEqual(logs(lines(3)));
  });

  test('what is odd is counted', async () => {
    const file = await open(`${rawText(lines(1))}not json\n{"log":"no time"}\n`);
    await recordsOfFile(file);
    expect(file.odd).toEqual({ notJson: 1, oddFields: 1 });
  });
});

describe('place in the order', () => {
  const orderOf = async (body: string, options?: Partial<RawFileOptions>): Promise<number | undefined> => {
    const { order } = await open(body, options);
    return order && order.seconds - BASE;
  };
  const unparsed = (at: number): string => `{"time":"${timeAt(at)}","log":"read then"}\n`;

  test('is that of the first record that tells, if any does at the beginning', async () => {
    expect(await orderOf(unparsed(50) + rawText([{ at: 7, log: 'a' }]))).toBe(7);
    expect(await orderOf(unparsed(50))).toBeUndefined();
    expect(await orderOf(unparsed(50).repeat(20) + rawText([{ at: 7, log: 'a' }]))).toBe(7);
    expect(await orderOf(unparsed(50).repeat(2000) + rawText([{ at: 7, log: 'a' }]))).toBe(7);
    expect(await orderOf(unparsed(50).repeat(8000) + rawText([{ at: 7, log: 'a' }]))).toBeUndefined();
    const readTime = rawText([{ at: 3600, log: 'x'.repeat(3000) }]);
    const after = rawText(Array.from({ length: 20 }, (_, at) => ({ at, log: 'y'.repeat(2000) })));
    expect(await orderOf(readTime + after)).toBe(0);
    expect(await orderOf(rawText([{ at: 7, log: 'x'.repeat(50_000) }]), { keepUpTo: 0 })).toBe(7);
    expect(await orderOf(rawText([{ at: 7, log: 'x'.repeat(70_000) }]), { keepUpTo: 0 })).toBeUndefined();
  });

  test('says whether the date in the key is another, unless the clock is beyond belief', async () => {
    const misdated = async (at: number) => {
      const { order, misdated: is } = await open(rawText([{ at, log: 'a' }]));
      return [order !== undefined, is];
    };
    expect(await misdated(119)).toEqual([true, false]);
    expect(await misdated(-121)).toEqual([true, true]);
    expect(await misdated(86_400 * 29)).toEqual([true, true]);
    expect(await misdated(86_400 * 31)).toEqual([false, false]);
  });
});

describe('one version of the object', () => {
  test('is read: the one that the GET gave, not the one that was listed', async () => {
    await store.put(KEY, Buffer.from(rawText(lines(1))));
    const [listed] = (await listRawFiles(store, 'job-a')).files;
    store.clock += 5000;
    const { etag } = await store.put(KEY, Buffer.from(rawText(lines(3))));
    const file = await RawFile.open(store, listed!, OPTIONS);
    expect([file.etag, file.lastModified]).toEqual([etag, store.clock]);
    expect(etag).not.toBe(listed!.etag);
    expect(await messagesOf(file)).toEqual(logs(lines(3)));
  });

  test('that is replaced before it is read again is not mixed with the new one', async () => {
    const file = await open(rawText(lines(3)), { keepUpTo: 0 });
    await store.put(KEY, Buffer.from(rawText(lines(5))));
    await expect(recordsOfFile(file)).rejects.toThrow(PreconditionFailedError);
    const kept = await open(rawText(lines(3)));
    await store.put(KEY, Buffer.from(rawText(lines(5))));
    expect(await messagesOf(kept)).toEqual(logs(lines(3)));
  });

  test('that is gone is an error', async () => {
    await store.put(KEY, Buffer.from('x'));
    const [listed] = (await listRawFiles(store, 'job-a')).files;
    await store.deleteMany([{ key: KEY }]);
    await expect(RawFile.open(store, listed!, OPTIONS)).rejects.toThrow(NotFoundError);
  });
});

describe('damage', () => {
  test('of a gzip that is cut: the whole lines before it are kept', async () => {
    const zipped = gzipSync(rawText(lines(100)), { level: 0 });
    for (const keepUpTo of [0, 1e6]) {
      const file = await open(zipped.subarray(0, zipped.length - 200), { keepUpTo });
      const messages = await messagesOf(file);
      expect(messages).toEqual(logs(lines(100)).slice(0, messages.length));
      expect(messages.length).toBeGreaterThan(95);
      expect(file.damage).toMatch(/^gzip: /);
    }
  });

  test('of lines longer than allowed: those around them are kept', async () => {
    const long = { at: 1, log: 'x'.repeat(20_000) };
    const [a, b, c] = lines(3);
    const file = await open(rawText([a!, long, b!, long, c!]));
    expect(await messagesOf(file)).toEqual(logs([a!, b!, c!]));
    expect(file.damage).toBe('2 lines longer than MAX_RECORD');
  });
});

describe('listing', () => {
  const put = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await store.put(key, Buffer.from(key.endsWith('empty.gz') ? '' : 'x'));
  };

  test('gives the files of exactly this pod, of all namespaces, and what is none', async () => {
    const ours = [
      KEY,
      rawKey('202611201001', 1, { namespace: 'other' }),
      rawKey('202611201001', 1, { logSuffix: false }),
    ];
    const dir = `kube.var.log.containers.job-a_team_main-${CONTAINER_ID}.log`;
    const theirs = ['job-a-1', 'job-a.b', 'job'].map((pod) => rawKey('202611201000', 0, { pod }));
    await put(...ours, ...theirs, `${dir}/`, `${dir}/notes.txt`);
    await store.put(rawKey('202611201005', 5), Buffer.of());
    const { files, stray } = await listRawFiles(store, 'job-a');
    expect(files.map(({ key }) => key).toSorted()).toEqual(ours.toSorted());
    expect(stray.map(({ key, problem }) => [key, problem])).toEqual([
      [`${dir}/`, 'folder marker'],
      [rawKey('202611201005', 5), 'empty object'],
      [`${dir}/notes.txt`, 'file is not date_index.gz'],
    ]);
  });

  test('names every pod once, however many files it has, and what belongs to none', async () => {
    const pods = ['job-a', 'job-b.c', 'job-b'];
    for (const pod of pods) await put(...[0, 1, 2].map((index) => rawKey('202611201000', index, { pod })));
    await put('kube.var.log.containers.stray', 'kube.var.log.containers.Not A Pod_x/y', 'elsewhere/job_x');
    const pages = await collect(podsWithRawFiles(store));
    expect(pages.flatMap((page) => page.pods)).toEqual(pods);
    expect(pages.flatMap((page) => page.stray).toSorted()).toEqual([
      'kube.var.log.containers.Not A Pod_',
      'kube.var.log.containers.stray',
    ]);
  });
});
