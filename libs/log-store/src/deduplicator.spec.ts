import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Instant, type LogRecord, orderTime } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { Deduplicator } from './deduplicator.ts';
import { join, type Source } from './join.ts';
import { MergedIdentities } from './merged-identities.ts';
import { BASE, from, type Line, messageOf, recordsOf, timeAt, WINDOW } from './spec-support.ts';

const NOTHING = new MergedIdentities([], () => from([]));

/** Few different records, so that the same come often: twice in a file, in several files, in merged ones too. */
const line: fc.Arbitrary<Line> = fc.record({
  at: fc.constantFrom(0, 1, 8, 19, 20, 31),
  log: fc.constantFrom('a', 'a', 'b'),
  stderr: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
});
/** A file's lines: in order of time, or out of it by less than the window. */
const lines = fc
  .array(fc.tuple(line, fc.nat(9)), { minLength: 1, maxLength: 8 })
  .map((all) => all.toSorted(([a, x], [b, y]) => a.at + x / 3 - (b.at + y / 3)).map(([one]) => one));

const sourceOf = (records: readonly LogRecord[], raw: boolean): Source => ({
  first: records[0] && orderTime(records[0]),
  raw,
  open: () => from(Array.from({ length: records.length / 3 + 1 }, (_, i) => records.slice(i * 3, i * 3 + 3))),
});

function fileOf(content: readonly Line[], index: number): LogFile {
  const times = content.map(({ at }) => at);
  return {
    key: index.toString(),
    records_count: content.length,
    size: 0,
    first_record_time: timeAt(Math.min(...times)),
    last_record_time: timeAt(Math.max(...times)),
    namespace: 'team',
  };
}

/** What is shown of these files, and which. */
async function show(sources: readonly (readonly Source[])[], merged = NOTHING): Promise<[Source, LogRecord][]> {
  const deduplicator = new Deduplicator(merged, WINDOW);
  const shown: [Source, LogRecord][] = [];
  for await (const batch of join(sources)) {
    for (const record of await deduplicator.filter(batch)) shown.push([batch.source, record]);
  }
  return shown;
}

const nameOf = (record: LogRecord): string =>
  `${record.orderSeconds - BASE} ${record.stderr ? 'err' : 'out'} ${messageOf(record)}`;

describe('what is shown', () => {
  test('of each record as many as the file with most of them has, at the place of the first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lines, { maxLength: 2 }),
        fc.array(fc.array(lines, { maxLength: 3 }), { maxLength: 3 }),
        fc.boolean(),
        async (mergedLines, runs, trusted) => {
          const merged = mergedLines.map(recordsOf);
          const identities = new MergedIdentities(
            mergedLines.map((content, index) => ({ file: fileOf(content, index), trusted })),
            (file) => from([merged[Number(file.key)] ?? []]),
          );
          const sources = [
            merged.map((records) => sourceOf(records, false)),
            ...runs.map((files) => files.map((content) => sourceOf(recordsOf(content), true))),
          ];

          // The rule as it is written, with memory without bound.
          const all: [Source, LogRecord][] = [];
          for await (const { source, records } of join(sources)) for (const one of records) all.push([source, one]);
          const inMerged = Map.groupBy(merged.flat(), nameOf);
          const own = new Map<string, Map<Source, number>>();
          const shown = new Map<string, number>();
          const expected = all.filter(([source, record]) => {
            if (!source.raw) return true;
            const name = nameOf(record);
            const counts = own.get(name) ?? new Map<Source, number>();
            own.set(name, counts.set(source, (counts.get(source) ?? 0) + 1));
            const before = (inMerged.get(name)?.length ?? 0) + (shown.get(name) ?? 0);
            if ((counts.get(source) ?? 0) <= before) return false;
            shown.set(name, (shown.get(name) ?? 0) + 1);
            return true;
          });
          const names = (some: [Source, LogRecord][]) => some.map(([, record]) => nameOf(record));
          expect(names(await show(sources, identities))).toEqual(names(expected));
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('a batch without copies passes as it is, without being copied', async () => {
    const deduplicator = new Deduplicator(NOTHING, WINDOW);
    const records = recordsOf([1, 2, 3].map((at) => ({ at, log: 'x' })));
    const upcoming: Instant = { seconds: BASE, nanos: 0 };
    expect(await deduplicator.filter({ source: sourceOf(records, true), records, upcoming })).toBe(records);
  });

  test('equal lines of one file are all shown, and again none of them in a file that repeats it', async () => {
    const twice = recordsOf([1, 1, 2, 2].map((at) => ({ at, log: 'same' })));
    const shown = await show([[sourceOf(twice, true), sourceOf(twice, true)]]);
    expect(shown.map(([, record]) => record.orderSeconds - BASE)).toEqual([1, 1, 2, 2]);
  });
});

describe('memory', () => {
  /** How many records it remembers. */
  const remembered = (deduplicator: Deduplicator): number =>
    (Reflect.get(deduplicator, 'tracked') as Map<unknown, unknown>).size;
  const BATCH = 10_000;
  const batches = function* (count: number): Generator<LogRecord[]> {
    const first = recordsOf(Array.from({ length: BATCH }, (_, at) => ({ at, log: 'x' })));
    for (let later = 0; later < count * BATCH; later += BATCH) {
      yield first.map((record) => ({
        ...record,
        seconds: record.seconds + later,
        orderSeconds: record.orderSeconds + later,
      }));
    }
  };

  test('nothing is remembered where no other file comes', async () => {
    const deduplicator = new Deduplicator(NOTHING, WINDOW);
    const source = sourceOf([], true);
    for (const records of batches(2)) await deduplicator.filter({ source, records, upcoming: undefined });
    expect(remembered(deduplicator)).toBe(0);
  });

  test('only what a file to come may repeat is', async () => {
    const source = sourceOf([], true);
    const deduplicator = new Deduplicator(NOTHING, WINDOW);
    let most = 0;
    for (const records of batches(20)) {
      await deduplicator.filter({ source, records, upcoming: orderTime(records[0]!) });
      most = Math.max(most, remembered(deduplicator));
    }
    expect(most).toBeLessThanOrEqual(100_000 + BATCH);
  });

  test('a large object that was delivered twice is remembered whole', async () => {
    const deduplicator = new Deduplicator(NOTHING, WINDOW);
    const [one, other] = [sourceOf([], true), sourceOf([], true)];
    for (const records of batches(42)) {
      expect(await deduplicator.filter({ source: one, records, upcoming: { seconds: BASE, nanos: 0 } })).toBe(records);
    }
    for (const records of batches(42)) {
      expect(await deduplicator.filter({ source: other, records, upcoming: undefined })).toEqual([]);
    }
  });
});

describe('MergedIdentities', () => {
  const files = [0, 1, 2, 3, 4, 5].map((index) => [
    { at: index * 10, log: 'x' },
    { at: index * 10 + 5, log: 'x' },
  ]);
  function setUp(trusted: boolean): { identities: MergedIdentities; reads: string[] } {
    const reads: string[] = [];
    const identities = new MergedIdentities(
      files.map((content, index) => ({ file: fileOf(content, index), trusted })),
      (file) => {
        reads.push(file.key);
        return from([recordsOf(files[Number(file.key)] ?? [])]);
      },
    );
    return { identities, reads };
  }
  const at = (seconds: number): LogRecord => recordsOf([{ at: seconds, log: 'x' }])[0]!;

  test('reads only files within whose times the record lies, and these once', async () => {
    const { identities, reads } = setUp(true);
    expect(await identities.count(at(7))).toBe(0);
    expect(identities.mayHold(at(7))).toBe(false);
    expect(identities.mayHold(at(1000))).toBe(false);
    expect(reads).toEqual([]);
    expect(await identities.count(at(20))).toBe(1);
    expect(await identities.count(at(25))).toBe(1);
    expect(await identities.count(at(22))).toBe(0);
    expect(reads).toEqual(['2']);
  });

  test('keeps a few files, and reads others again', async () => {
    const { identities, reads } = setUp(true);
    for (const index of [0, 1, 2, 3, 4, 0]) expect(await identities.count(at(index * 10))).toBe(1);
    expect(reads).toEqual(['0', '1', '2', '3', '4', '0']);
    expect(await identities.count(at(40))).toBe(1);
    expect(reads).toHaveLength(6);
  });

  test('does not rely on times that may be wrong, until it has read the file', async () => {
    const { identities, reads } = setUp(false);
    expect(identities.mayHold(at(1000))).toBe(true);
    expect(await identities.count(at(1000))).toBe(0);
    expect(reads).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(identities.mayHold(at(1000))).toBe(false);
    expect(await identities.count(at(7))).toBe(0);
    expect(reads).toHaveLength(6);
  });

  test('a merged file that turns out to be empty holds nothing', async () => {
    const identities = new MergedIdentities([{ file: fileOf(files[0]!, 0), trusted: true }], () => from([]));
    expect(await identities.count(at(0))).toBe(0);
    expect(identities.mayHold(at(0))).toBe(false);
  });
});
