import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogFile } from '@cordwood/pod-metadata';
import { parseMergedKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { mergedRecords } from './merged-file.ts';
import { describedFile, markOf } from './merged-object.ts';
import { MergedWriter, type MergedWriterOptions, type WrittenFiles } from './merged-writer.ts';
import { collect, CONTAINER_ID, type Line, messageOf, recordsOf, timeAt } from './spec-support.ts';

let store: MemoryObjectStore;
let index: number;
beforeEach(() => {
  store = new MemoryObjectStore();
  index = 0;
});

/** Writes the lines of some raw files, each in one batch. */
async function write(
  files: readonly (readonly Line[])[],
  options: Partial<MergedWriterOptions> = {},
): Promise<WrittenFiles> {
  const writer = new MergedWriter({
    store,
    pod: 'job-a',
    namespace: 'team',
    container: 'main',
    containerId: CONTAINER_ID,
    run: 0,
    tail: [],
    known: [],
    merge: 'm1',
    rewriteTail: true,
    limit: 1_000_000,
    uniqueIndex: () => (++index).toString(),
    ...options,
  });
  for (const lines of files) await writer.write({}, recordsOf(lines));
  return writer.finish({ dated: { date: '202611201000', index: '7' } });
}

const textOf = ({ key }: LogFile): string => gunzipSync(store.objects.get(key)!.bytes).toString();
/** Messages of a file, by its entry; it must hold what the entry says. */
async function messages(file: LogFile): Promise<string[]> {
  const damage: unknown[] = [];
  const records = (await collect(mergedRecords(store, file, (one) => damage.push(one)))).flat();
  expect(damage).toEqual([]);
  return records.map(messageOf);
}
const logOf = async (files: readonly LogFile[]): Promise<string[]> => (await Promise.all(files.map(messages))).flat();
/** As many bytes as `size` when stored, one line. */
const sized = (at: number, size: number): Line => {
  const overhead = `{"time":"${timeAt(at)}","log":""}\n`.length;
  return { at, log: 'x'.repeat(size - overhead), part: '' };
};

describe('one file', () => {
  test('says what it holds, in its entry and on the object itself', async () => {
    const lines: Line[] = [
      { at: 5.0000015, log: 'a' },
      { at: 1, log: 'b', stderr: true },
      { at: 9.0000015, log: 'c' },
      { at: 7, log: 'd' },
    ];
    const { written, replaced } = await write([lines], { run: 2 });
    expect(replaced).toEqual([]);
    const [file] = written;
    const object = store.objects.get(file!.key)!;
    expect(file).toEqual({
      key: file!.key,
      records_count: 4,
      size: textOf(file!).length,
      first_record_time: '2026-11-20T10:00:01.000000+00:00',
      // The earliest is cut to microseconds and the latest rounded up, so that no record lies outside.
      last_record_time: '2026-11-20T10:00:09.000002+00:00',
      order_time: '2026-11-20T10:00:05.000001500Z',
      end_order_time: '2026-11-20T10:00:07.000000000Z',
      namespace: 'team',
      container: 'main',
      container_id: CONTAINER_ID,
      stored_size: object.size,
      etag: object.etag,
      run: 2,
      last_raw: { dated: { date: '202611201000', index: '7' } },
    });
    expect(parseMergedKey(file!.key)).toMatchObject({ ok: true, key: { date: '202611210000', index: '1' } });
    expect(object.metadata).toEqual({
      namespace: 'team',
      container: 'main',
      'records-count': '4',
      size: file!.size.toString(),
      'first-record-time': file!.first_record_time,
      'last-record-time': file!.last_record_time,
      'order-time': file!.order_time,
      'end-order-time': file!.end_order_time,
      run: '2',
      'last-raw': '{"dated":{"date":"202611201000","index":"7"}}',
      merge: 'm1',
      part: '0',
      position: '0',
      'based-on': '',
    });
    expect(await logOf(written)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('each object says all that the metadata has of it, and where it comes from', async () => {
    const lines: Line[] = [1, 2, 3].map((at) => ({ ...sized(at, 400), part: 'P' }));
    const earlier = (await write([lines], { limit: 1000, rewriteTail: false })).written;
    const other = (await write([[sized(1, 100)]], { run: 3, known: earlier })).written;
    const known = [...earlier, ...other];
    const later = await write([[sized(4, 100)]], { limit: 1000, tail: earlier, known, merge: 'm2' });
    expect(later.replaced).toHaveLength(1);
    expect(later.written).toHaveLength(1);
    for (const file of [...known, ...later.written])
      expect(describedFile(await store.head(file.key))?.file).toEqual(file);
    const from = describedFile(await store.head(later.written[0]!.key))?.provenance;
    const parts = await Promise.all(earlier.map(async ({ key }) => describedFile(await store.head(key))?.provenance));
    expect(parts.map((part) => [part?.part, part?.position])).toEqual([
      [0, 0],
      [1, 2],
    ]);
    // The file that was taken in is not among those that stay.
    const stay = known.filter((file) => !later.replaced.includes(file.key));
    expect(from).toEqual({ merge: 'm2', part: 0, position: 2, basedOn: new Set(stay.map(({ key }) => markOf(key))) });
  });

  test('what an object says is no more than S3 takes, however many files there are', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => ({
      ...sized(at, 100),
      key: `data/job-a/${CONTAINER_ID}/202611201000_${String(at).padStart(29, '1')}.gz`,
    })) as unknown as LogFile[];
    const long = 'a'.repeat(63);
    const { written } = await write([[{ ...sized(1, 100), part: 'P' }]], {
      known: many,
      namespace: long,
      container: long,
    });
    const { metadata } = store.objects.get(written[0]!.key)!;
    const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    expect(bytes).toBeLessThan(2048 - 200);
    expect(describedFile(await store.head(written[0]!.key))?.provenance?.basedOn.size).toBe(100);
  });

  test('an object that says too little, or nonsense, is not described', async () => {
    const { written } = await write([[sized(1, 100)]]);
    const object = await store.head(written[0]!.key);
    for (const name of ['namespace', 'records-count', 'order-time', 'first-record-time']) {
      const { [name]: _, ...metadata } = object.metadata;
      expect(describedFile({ ...object, metadata })).toBeUndefined();
      expect(
        describedFile({ ...object, metadata: { ...metadata, [name]: name === 'namespace' ? '' : 'x' } }),
      ).toBeUndefined();
    }
    expect(describedFile({ ...object, key: 'data/x' })).toBeUndefined();
  });

  test('nothing to write writes nothing, and leaves the tail alone', async () => {
    const tail = (await write([[sized(1, 100)]])).written;
    expect(await write([[], []], { tail })).toEqual({ written: [], replaced: [] });
    expect(store.objects.size).toBe(1);
  });

  test('a store that fails fails the writing', async () => {
    store.before = () => {
      throw new Error('no room');
    };
    await expect(write([[sized(1, 500), sized(2, 500), sized(3, 500)]], { limit: 600 })).rejects.toThrow('no room');
  });
});

describe('size limit', () => {
  test('no file is larger, unless one record alone is; all records are there, in order', async () => {
    const line = fc.record({ at: fc.nat(100), log: fc.string({ maxLength: 300 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 40 }), fc.integer({ min: 100, max: 2000 }), async (lines, limit) => {
        const { written } = await write([lines], { limit });
        expect(await logOf(written)).toEqual(lines.map(({ log }) => log));
        for (const file of written) expect(file.records_count === 1 || file.size <= limit).toBe(true);
        const counts = written.map((file) => file.records_count);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(lines.length);
        // Two files that follow each other would not have fitted into one, but for what a record may take at most.
        written.slice(1).forEach((file, i) => expect(file.size + written[i]!.size).toBeGreaterThan(limit - 128));
        expect(new Set(written.map(({ key }) => key)).size).toBe(written.length);
        expect(written.slice(0, -1).filter((file) => file.last_raw)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('tail', () => {
  const write1 = async (size: number, options: Partial<MergedWriterOptions> = {}): Promise<LogFile[]> => [
    ...(await write([[sized(++index, size)]], options)).written,
  ];

  test('a small file is taken into the next one, with all that its entry says', async () => {
    const before: Line[] = [
      { at: 9, log: 'a', part: 'P' },
      { at: 2, log: 'b', stderr: true },
    ];
    const tail = (await write([before])).written;
    const { written, replaced } = await write([[{ at: 5, log: 'c', part: 'F' }]], { tail });
    expect(replaced).toEqual([tail[0]!.key]);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({
      records_count: 3,
      size: textOf(written[0]!).length,
      first_record_time: '2026-11-20T10:00:02.000000+00:00',
      last_record_time: '2026-11-20T10:00:09.000000+00:00',
      order_time: timeAt(9),
      end_order_time: timeAt(5),
    });
    expect(written[0]).not.toHaveProperty('opens_inside');
    expect(written[0]).not.toHaveProperty('ends_inside');
    expect(await logOf(written)).toEqual(['a', 'b', 'c']);
    // What was there stays until it is cleaned.
    expect(await logOf(tail)).toEqual(['a', 'b']);
  });

  test('a larger one only when that makes a file of a higher tier, and only if both fit', async () => {
    const large = await write1(300_000);
    const replacedBy = async (size: number, options: Partial<MergedWriterOptions> = {}) =>
      (await write([[sized(1000, size)]], { tail: large, ...options })).replaced.length;
    expect(await replacedBy(199_999)).toBe(0);
    expect(await replacedBy(200_000)).toBe(1);
    expect(await replacedBy(700_000)).toBe(1);
    expect(await replacedBy(700_001)).toBe(0);
    expect(await replacedBy(200_000, { rewriteTail: false })).toBe(0);
  });

  test('from its end, as far as that pays', async () => {
    const tail = [
      ...(await write1(700_000)),
      ...(await write1(300_000)),
      ...(await write1(100)),
      ...(await write1(200_000)),
    ];
    const { written, replaced } = await write([[sized(1000, 150_000)]], { tail });
    expect(replaced).toEqual(tail.slice(1).map(({ key }) => key));
    expect(written[0]?.size).toBe(300_000 + 100 + 200_000 + 150_000);
    expect(await logOf(written)).toEqual([...(await logOf(tail.slice(1))), sized(1000, 150_000).log]);
  });

  test('also when the new records need several files; but not a file of the reference', async () => {
    const tail = await write1(100);
    const many = [sized(1, 600), sized(2, 600)];
    const { written, replaced } = await write([many], { tail, limit: 1000 });
    expect(replaced).toEqual(tail.map(({ key }) => key));
    expect(written.map(({ size }) => size)).toEqual([700, 600]);
    expect(await logOf(written)).toEqual([...(await logOf(tail)), ...many.map(({ log }) => log)]);
    const { namespace: _, ...reference } = tail[0]!;
    expect((await write([many], { tail: [reference] })).replaced).toEqual([]);
    expect((await write([many], { tail: [reference, ...tail] })).replaced).toHaveLength(1);
  });

  test('what does not fit beside a full file becomes one file before it', async () => {
    const tail = (
      await Promise.all(
        [
          { at: 1, log: 'a'.repeat(150), part: 'P' as const },
          { at: 9, log: 'b'.repeat(150), stderr: true },
        ].map(async (line) => (await write([[line]])).written),
      )
    ).flat();
    tail[1]!.ends_inside = ['stdout'];
    const { written, replaced } = await write([[sized(20, 950), sized(21, 950)]], { tail, known: tail, limit: 1000 });
    expect(replaced).toEqual(tail.map(({ key }) => key));
    expect(await logOf(written)).toEqual([
      ...(await logOf(tail)),
      ...[sized(20, 950), sized(21, 950)].map(({ log }) => log),
    ]);
    expect(written[0]).toMatchObject({
      records_count: 2,
      order_time: timeAt(1),
      end_order_time: timeAt(9),
      ends_inside: ['stdout'],
    });
    expect(written.map((file) => file.last_raw !== undefined)).toEqual([false, false, true]);
    const from = await Promise.all(written.map(async ({ key }) => describedFile(await store.head(key))?.provenance));
    expect(from.map((one) => [one?.part, one?.position, one?.basedOn.size])).toEqual([
      [0, 0, 0],
      [1, 2, 0],
      [2, 3, 0],
    ]);
  });

  test('a tail that does not hold what it should is left as it is', async () => {
    const tail = await write1(500);
    const wrong = { ...tail[0]!, size: 499 };
    const { written, replaced } = await write([[sized(1000, 100)]], { tail: [wrong] });
    expect(replaced).toEqual([]);
    expect(await logOf(written)).toEqual([sized(1000, 100).log]);
  });

  test('a tail that is damaged stops nothing, and is left as it is', async () => {
    const tail = await write1(500);
    const { bytes } = store.objects.get(tail[0]!.key)!;
    await store.put(tail[0]!.key, bytes.subarray(0, bytes.length - 12));
    const { written, replaced } = await write([[sized(1000, 100)]], { tail });
    expect(replaced).toEqual([]);
    expect(await logOf(written)).toEqual([sized(1000, 100).log]);
  });

  test('over many small merges no byte is rewritten more than a few times', async () => {
    let files: LogFile[] = [];
    let stored = 0;
    for (let merge = 0; merge < 100; merge++) {
      const { written, replaced } = await write([[sized(merge, 50_000)]], { tail: files, limit: 2_000_000 });
      files = [...files.filter(({ key }) => !replaced.includes(key)), ...written];
      stored += written.reduce((sum, file) => sum + file.size, 0);
    }
    expect(await logOf(files)).toHaveLength(100);
    expect(files.length).toBeLessThanOrEqual(12);
    expect(stored).toBeLessThan(7 * 100 * 50_000);
  });
});

describe('partial lines', () => {
  const part = (at: number, part_: 'P' | 'F', stderr = false): Line => ({ at, log: 'x', part: part_, stderr });
  const marks = (file: LogFile): string =>
    textOf(file)
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { logtag?: string }).logtag ?? '-')
      .join('');

  test('keep P, and F only where it may close a line: after P, and first of its stream in a raw file', async () => {
    const one = [
      part(1, 'F'),
      part(2, 'F'),
      part(3, 'P'),
      part(4, 'P'),
      part(5, 'F'),
      part(6, 'F'),
      part(7, 'F', true),
    ];
    const two = [part(8, 'F'), part(9, 'F'), part(10, 'F', true), part(11, 'F', true)];
    expect((await write([one, two])).written.map(marks)).toEqual(['F-PPF-FF-F-']);
  });

  test('say in which streams a file opens and ends', async () => {
    const lines = [part(1, 'P'), part(2, 'P', true), part(3, 'F'), part(4, 'P', true), part(5, 'F', true)];
    const { written } = await write([lines], { limit: 1, rewriteTail: false });
    const streams = written.map(({ opens_inside: opens, ends_inside: ends }) => [opens ?? [], ends ?? []]);
    expect(streams).toEqual([
      [[], ['stdout']],
      [['stdout'], ['stdout', 'stderr']],
      [['stdout', 'stderr'], ['stderr']],
      [['stderr'], ['stderr']],
      [['stderr'], []],
    ]);
    // And go on from there.
    const next = await write([[part(6, 'F', true)]], { tail: written.slice(0, 4), rewriteTail: false });
    expect(next.written[0]?.opens_inside).toEqual(['stderr']);
    const rewritten = await write([[part(6, 'P')]], { tail: written.slice(0, 4) });
    expect(rewritten.replaced).toHaveLength(4);
    expect(rewritten.written[0]).toMatchObject({ ends_inside: ['stderr', 'stdout'] });
    expect(rewritten.written[0]?.opens_inside).toBeUndefined();
  });
});
