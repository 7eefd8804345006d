import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Part } from '@cordwood/log-record';
import { applyMerge, MetadataError } from '@cordwood/pod-metadata';
import { formatMinute } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { DamagedLogError, NotFoundError } from './errors.ts';
import { LogReader, type ReadOptions } from './log-reader.ts';
import { MergedWriter } from './merged-writer.ts';
import { MetadataStore } from './metadata-store.ts';
import { BASE, collect, CONTAINER_ID, type Line, rawKey, rawText, recordsOf, timeAt, WINDOW } from './spec-support.ts';

const METADATA = 'metadata/job-a.json';
const OTHER_ID = 'f'.repeat(64);

let store: MemoryObjectStore;
let reports: { key: string; reason: string }[];
beforeEach(() => {
  store = new MemoryObjectStore();
  reports = [];
});

const reader = (): LogReader =>
  new LogReader({
    store,
    metadata: new MetadataStore(store),
    reorderWindow: WINDOW,
    maxRecord: 100_000,
    maxMessage: 100_000,
    legacyNamespace: undefined,
    onDamage: ({ key, reason }) => reports.push({ key, reason }),
  });

async function read(options?: ReadOptions): Promise<string> {
  const { instances } = await reader().open('job-a');
  return Buffer.concat(await collect(reader().text(instances, options))).toString();
}
const since = (at: number): ReadOptions => ({ since: { seconds: BASE + at, nanos: 0 } });

/** Puts a raw file, a second after the one before; its date is that of its first line. */
async function putRaw(
  lines: readonly Line[],
  index: number,
  container: Parameters<typeof rawKey>[2] = {},
): Promise<string> {
  store.clock += 1000;
  const key = rawKey(formatMinute(BASE + (lines[0]?.at ?? 0)), index, container);
  await store.put(key, Buffer.from(rawText(lines)));
  return key;
}

/** Merges these raw files, which follow each other and all before them, into files of at most `limit` bytes. */
async function merge(files: readonly (readonly Line[])[], keys: readonly string[], limit: number): Promise<void> {
  const metadata = new MetadataStore(store);
  const before = await metadata.read('job-a');
  const writer = new MergedWriter({
    store,
    pod: 'job-a',
    namespace: 'team',
    container: 'main',
    containerId: CONTAINER_ID,
    run: 0,
    tail: before.metadata.log_files,
    known: [],
    merge: 'm1',
    rewriteTail: true,
    limit,
    uniqueIndex: () => store.objects.size.toString(),
  });
  for (const lines of files) await writer.write({}, recordsOf(lines));
  const written = await writer.finish({});
  const mergedRaw = keys.map((key) => ({ key, etag: store.objects.get(key)!.etag }));
  const commit = { commitId: store.objects.size.toString(), now: store.clock };
  await metadata.commit('job-a', before, applyMerge(before.metadata, { ...written, mergedRaw, damaged: [] }, commit));
}

/** The messages in order: a joined line stands where its last part came, unfinished ones at the end, and is as old as its first. */
function expectedText(lines: readonly Line[], from = -Infinity): string {
  const open = new Map<boolean, Line>();
  const done: Line[] = [];
  for (const line of lines) {
    const before = open.get(line.stderr === true);
    const whole = before ? { ...before, log: before.log + line.log } : line;
    if (line.part === 'P') open.set(line.stderr === true, whole);
    else {
      open.delete(line.stderr === true);
      done.push(whole);
    }
  }
  const text = [...done, ...open.values()].filter(({ at }) => at >= from).map(({ log }) => `${log}\n`);
  return text.join('');
}

describe('any log, merged to any point, in files of any size', () => {
  const line = fc.record({ stderr: fc.boolean(), part: fc.constantFrom<Part>('F', 'F', 'P'), pause: fc.nat(2) });
  const files = fc.array(fc.array(line, { minLength: 1, maxLength: 6 }), { maxLength: 8 }).map((all) => {
    let at = 0;
    return all.map((lines, file) =>
      lines.map(({ stderr, part, pause }, i): Line => ({ at: (at += pause), log: `<${file}.${i}>`, stderr, part })),
    );
  });
  const merges = fc.array(fc.record({ files: fc.nat(4), limit: fc.constantFrom(100, 300, 1_000_000) }), {
    maxLength: 4,
  });

  test('is read as one text, and `since` gives exactly the lines that began then or later', async () => {
    await fc.assert(
      fc.asyncProperty(files, merges, fc.nat(50), async (all, steps, from) => {
        store = new MemoryObjectStore();
        const keys: string[] = [];
        for (const [index, lines] of all.entries()) keys.push(await putRaw(lines, index));
        let merged = 0;
        for (const { files: count, limit } of steps) {
          const next = Math.min(all.length, merged + count);
          await merge(all.slice(merged, next), keys.slice(merged, next), limit);
          merged = next;
        }
        expect(await read()).toBe(expectedText(all.flat()));
        expect(await read(since(from))).toBe(expectedText(all.flat(), from));
        await store.deleteMany(keys.slice(0, merged).map((key) => ({ key })));
        expect(await read(since(from))).toBe(expectedText(all.flat(), from));
        expect(reports).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('since', () => {
  const hour = Array.from({ length: 60 }, (_, minute): Line => ({ at: minute * 60, log: `minute ${minute}` }));

  test('skips merged files that end before it, without a request', async () => {
    const keys = [await putRaw(hour, 0)];
    await merge([hour], keys, 500);
    const data = [...store.objects.keys()].filter((key) => key.startsWith('data/'));
    expect(data.length).toBeGreaterThan(6);
    const read1 = async (at: number): Promise<number | undefined> => {
      store.requests.clear();
      expect(await read(since(at))).toBe(expectedText(hour, at));
      return store.requests.get('get');
    };
    // One for the metadata.
    expect(await read1(0)).toBe(1 + data.length);
    expect(await read1(59 * 60)).toBe(2);
    expect(await read1(60 * 60)).toBe(1);
  });

  test('is exact to the nanosecond, at the end of a file too', async () => {
    const lines: Line[] = [
      { at: 1.0000001, log: 'a' },
      { at: 1.0000002, log: 'b' },
    ];
    await merge([lines], [await putRaw(lines, 0)], 1);
    const at = (nanos: number): ReadOptions => ({ since: { seconds: BASE + 1, nanos } });
    expect([await read(at(100)), await read(at(101)), await read(at(200)), await read(at(201))]).toEqual([
      'a\nb\n',
      'b\n',
      'b\n',
      '',
    ]);
  });

  test('does not rely on the times of the reference', async () => {
    const text = hour.map(({ at, log }) => `${JSON.stringify({ time: timeAt(at), log })}\n`).join('');
    await store.put(`logs/job-a/${CONTAINER_ID}/202611201000_1.gz`, gzipSync(text));
    const wrong = { records_count: 60, size: text.length, first_record_time: timeAt(0), last_record_time: timeAt(0) };
    const file = { key: `logs/job-a/${CONTAINER_ID}/202611201000_1.gz`, ...wrong };
    await store.put(METADATA, Buffer.from(JSON.stringify({ log_files: [file], last_merged_key: null })));
    expect(await read(since(1800))).toBe(expectedText(hour, 1800));
  });
});

describe('several containers', () => {
  test('come one after the other by their first record, in each namespace for itself', async () => {
    await putRaw([{ at: 100, log: 'second' }], 0);
    await putRaw(
      [
        { at: 50, log: 'first' },
        { at: 200, log: 'still first' },
      ],
      1,
      { containerId: OTHER_ID },
    );
    await putRaw([{ at: 10, log: 'not mine' }], 2, { namespace: 'other' });
    const { instances } = await reader().open('job-a');
    const ours = instances.filter(({ namespace }) => namespace === 'team');
    const text = Buffer.concat(await collect(reader().text(ours, { timestamps: true }))).toString();
    expect(text).toBe(`${timeAt(50)} first\n${timeAt(200)} still first\n${timeAt(100)} second\n`);
    expect(instances).toHaveLength(3);
  });
});

describe('what was deleted', () => {
  const tombstone = (until: number) =>
    store.put(
      METADATA,
      Buffer.from(
        JSON.stringify({
          version: 2,
          log_files: [],
          commit_id: '1',
          deleted: [
            {
              namespace: 'team',
              container: 'main',
              container_id: CONTAINER_ID,
              until: timeAt(until),
              deleted_at: timeAt(until),
              reason: 'retention',
            },
          ],
        }),
      ),
    );

  test('does not come back with raw files that arrive later; newer records do', async () => {
    await tombstone(20);
    await putRaw([{ at: 10, log: 'deleted' }], 0);
    await putRaw(
      [
        { at: 20, log: 'deleted too' },
        { at: 20.000000001, log: 'kept' },
      ],
      1,
    );
    await putRaw([{ at: 5, log: 'another run' }], 2, { containerId: OTHER_ID });
    await putRaw([{ at: 10, log: 'another namespace' }], 3, { namespace: 'other' });
    expect((await read()).split('\n').toSorted()).toEqual(['', 'another namespace', 'another run', 'kept']);
  });

  test('is told by the date in the key where no record has a time', async () => {
    await tombstone(120);
    await store.put(rawKey(formatMinute(BASE + 60), 0), Buffer.from('deleted\n'));
    await store.put(rawKey(formatMinute(BASE + 180), 1), Buffer.from('kept\n'));
    expect(await read()).toBe('kept\n');
  });
});

describe('what is wrong', () => {
  const lines: Line[] = [
    { at: 1, log: 'a' },
    { at: 2, log: 'b' },
  ];

  test('a merged file that holds less than the metadata says is read as far as it goes, and the text ends with an error', async () => {
    await merge([lines], [await putRaw(lines, 0)], 1);
    const [first] = [...store.objects.keys()].filter((key) => key.startsWith('data/'));
    await store.put(first!, Buffer.of());
    const chunks: Uint8Array[] = [];
    const all = async (): Promise<void> => {
      const { instances } = await reader().open('job-a');
      for await (const chunk of reader().text(instances)) chunks.push(chunk);
    };
    await expect(all()).rejects.toThrow(DamagedLogError);
    expect(Buffer.concat(chunks).toString()).toBe('b\n');
    expect(reports).toEqual([{ key: first, reason: '0 records, where the metadata says 1' }]);
  });

  test('a merged file that is gone ends the text with an error, never early', async () => {
    await merge([lines], [await putRaw(lines, 0)], 1);
    const data = [...store.objects.keys()].filter((key) => key.startsWith('data/'));
    await store.deleteMany([{ key: data[1]! }]);
    await expect(read()).rejects.toThrow(NotFoundError);
  });

  test('metadata that cannot be understood is an error', async () => {
    await putRaw(lines, 0);
    await store.put(METADATA, Buffer.from('{"version":99}'));
    await expect(read()).rejects.toThrow(MetadataError);
  });

  test('a raw object that is damaged is read as far as it goes, and reported', async () => {
    const key = await putRaw(lines, 0);
    const zipped = gzipSync(rawText(lines), { level: 0 });
    await store.put(key, zipped.subarray(0, zipped.length - 12));
    expect(await read()).toBe('a\n');
    expect(reports).toEqual([{ key, reason: 'gzip: unexpected end of file' }]);
  });

  test('nothing at all is an empty log, and strays are told', async () => {
    expect(await read()).toBe('');
    await store.put(rawKey('202611201000', 0), Buffer.of());
    const log = await reader().open('job-a');
    expect([log.instances, log.stray.map(({ problem }) => problem)]).toEqual([[], ['empty object']]);
  });
});

test('a raw object whose key was written again after it was merged is new input', async () => {
  const key = await putRaw([{ at: 1, log: 'merged' }], 0);
  await merge([[{ at: 1, log: 'merged' }]], [key], 1000);
  expect(await read()).toBe('merged\n');
  expect(await putRaw([{ at: 20, log: 'again' }], 0)).toBe(key);
  expect(await read()).toBe('merged\nagain\n');
});

test('a raw object that turns out to be gone ends the opening of the others that were listed with it', async () => {
  const lines = Array.from({ length: 200 }, (_, at): Line => ({ at, log: `line ${at}` }));
  const keys: string[] = [];
  for (const line of lines) keys.push(await putRaw([line], line.at));
  const { instances } = await reader().open('job-a');
  await store.deleteMany([{ key: keys[0] ?? '' }]);
  store.requests.clear();
  const text = Buffer.concat(await collect(reader().text(instances))).toString();
  expect(text).toBe(
    lines
      .slice(1)
      .map(({ log }) => `${log}\n`)
      .join(''),
  );
  // Once what there is now, besides the few that were under way, and the metadata.
  expect(store.requests.get('get')).toBeLessThan(lines.length + 30);
});

test('a reader that leaves makes no more requests', async () => {
  const long = Array.from({ length: 40 }, (_, at): Line => ({ at, log: 'x'.repeat(70_000) }));
  await merge([long], [await putRaw(long, 0)], 1);
  store.requests.clear();
  const { instances } = await reader().open('job-a');
  for await (const chunk of reader().text(instances)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  const gets = store.requests.get('get');
  // What the first chunk takes, and those that were read ahead.
  expect(gets).toBeLessThan(12);
  await setImmediate();
  expect(store.requests.get('get')).toBe(gets);
});
