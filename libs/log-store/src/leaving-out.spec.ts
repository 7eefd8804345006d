import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareInstants, type Instant, type LogRecord, type Part, recordTime } from '@cordwood/log-record';
import { applyMerge, type LogFile } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { DamagedLogError } from './errors.ts';
import { filesIn } from './file-range.ts';
import { LogReader } from './log-reader.ts';
import { type Damage, mergedRecords } from './merged-file.ts';
import { MergedWriter } from './merged-writer.ts';
import type { MessageMark, MessageOptions } from './messages.ts';
import { MetadataStore } from './metadata-store.ts';
import type { RawHead } from './runs.ts';
import { BASE, collect, CONTAINER_ID, type Line, messageOf, recordsOf, timeAt, WINDOW } from './spec-support.ts';

const POD = 'job-a';
/** Messages of a time are told apart from as many as this before them. */
const LEAD = 2048;

let store: MemoryObjectStore;
let metadata: MetadataStore;
let damages: Damage[];
beforeEach(() => {
  store = new MemoryObjectStore();
  metadata = new MetadataStore(store);
  damages = [];
});

const reader = () =>
  new LogReader({
    store,
    metadata,
    reorderWindow: WINDOW,
    maxRecord: 10_000_000,
    maxMessage: 100,
    legacyNamespace: undefined,
    onDamage: (damage) => damages.push(damage),
  });

/** A line, perhaps with a place that is not its time's. */
interface Placed extends Line {
  readonly later?: boolean;
}

/** Merges the lines to a file that stands after those there are, or in place of them. */
async function putMerged(lines: readonly Placed[], insteadOfAll = false): Promise<LogFile> {
  store.clock += 1000;
  const before = await metadata.read(POD);
  const known = before.metadata.log_files;
  const writer = new MergedWriter({
    store,
    pod: POD,
    namespace: 'team',
    container: 'main',
    containerId: CONTAINER_ID,
    run: 0,
    tail: insteadOfAll ? [] : known,
    known,
    merge: store.clock.toString(),
    rewriteTail: false,
    limit: 100_000_000,
    uniqueIndex: () => store.clock.toString(),
  });
  const records = recordsOf(lines).map((record, index) =>
    lines[index]?.later === true ? { ...record, orderSeconds: record.orderSeconds + 1 } : record,
  );
  await writer.write({}, records);
  const { written } = await writer.finish({});
  const replaced = insteadOfAll ? known.map(({ key }) => key) : [];
  const commit = { commitId: store.clock.toString(), now: store.clock };
  const merged = { written, replaced, mergedRaw: [], damaged: [] };
  await metadata.commit(POD, before, applyMerge(before.metadata, merged, commit));
  if (insteadOfAll) await store.deleteMany(replaced.map((key) => ({ key })));
  return written[0]!;
}

interface Message {
  readonly text: string;
  readonly time: Instant;
  readonly mark: MessageMark;
}

async function read(options: MessageOptions = {}): Promise<Message[]> {
  const { instances } = await reader().open(POD);
  const all: Message[] = [];
  for await (const batch of reader().messages(instances, options)) {
    batch.messages.forEach((message, index) => {
      all.push({ text: messageOf(message), time: recordTime(message), mark: batch.markOf(index) });
    });
  }
  return all;
}

const at = (seconds: number): Instant => ({
  seconds: BASE + Math.floor(seconds),
  nanos: Math.round((seconds % 1) * 1e9),
});
const lines = (count: number, from = 0): Placed[] =>
  Array.from({ length: count }, (_, i) => ({ at: from + i, log: `line ${(from + i).toString()}`, part: '' }));

/** Stretches of time that go on, stand still, and jump; some lines in parts, and some out of place. */
const log = fc
  .array(
    fc.record({
      jump: fc.integer({ min: -300, max: 300 }),
      step: fc.constantFrom(0, 0.1, 1, 1),
      length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 3000 })),
      stray: fc.option(
        fc.record({ index: fc.nat(3000), part: fc.constantFrom<Part>('', 'P', 'F'), later: fc.boolean() }),
        { freq: 2 },
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((stretches) => {
    let time = 1000;
    let number = 0;
    return stretches.flatMap(({ jump, step, length, stray }) => {
      time += jump;
      return Array.from({ length }, (_, index): Placed => {
        const own = { at: (time += step), log: (++number).toString(), part: '' as const };
        return index === stray?.index ? { ...own, part: stray.part, later: stray.later } : own;
      });
    });
  });

test('the end of a log, and what comes after a time, are those of the whole log, with the same marks', async () => {
  const cases = fc.tuple(log, fc.nat(9000), fc.integer({ min: 1, max: 300 }), fc.nat(9000));
  await fc.assert(
    fc.asyncProperty(cases, async ([all, cut, tail, place]) => {
      store = new MemoryObjectStore();
      metadata = new MetadataStore(store);
      for (const part of [all.slice(0, cut), all.slice(cut)]) if (part.length > 0) await putMerged(part);
      const whole = await read();
      expect(await read({ tail })).toEqual(whole.slice(-tail));
      const since = at((all[place % all.length]?.at ?? 0) + 0.05);
      expect(await read({ since })).toEqual(whole.filter(({ time }) => compareInstants(time, since) >= 0));
    }),
    { numRuns: 15 },
  );
});

test('messages whose times come again and again are counted from where they began', async () => {
  const swinging = Array.from({ length: 6000 }, (_, i): Placed => ({
    at: i < 10 ? i : 10 + (i % 2),
    log: i.toString(),
    part: '',
  }));
  await putMerged(swinging);
  const end = await read({ tail: 3 });
  expect(end.map(({ mark }) => mark.nth)).toEqual([2994, 2995, 2995]);
  expect(end).toEqual((await read()).slice(-3));
});

describe('what need not be decoded', () => {
  const file = (count: number, more: Partial<LogFile> = {}): LogFile => ({
    key: 'data/a.gz',
    records_count: count,
    size: count * 100,
    first_record_time: timeAt(0),
    last_record_time: timeAt(count),
    namespace: 'team',
    container: 'main',
    container_id: CONTAINER_ID,
    ...more,
  });
  const run = (merged: LogFile[], number = 0) => ({ number, merged, raw: [] as RawHead[] });
  const unneeded = (runs: ReturnType<typeof run>[], range: Parameters<typeof filesIn>[1]) =>
    // Without looking back to where lines began.
    filesIn(runs, range, 0).runs.map((each) => each.unneeded);
  const tail = { records: 100, lead: LEAD };
  const since = at(50);

  test('is all before the end and its lead', () => {
    expect(unneeded([run([file(10_000)])], tail)).toEqual([{ lines: 10_000 - 100 - LEAD }]);
    expect(unneeded([run([file(10_000)])], { ...tail, lead: undefined })).toEqual([undefined]);
    expect(unneeded([run([file(1000)])], tail)).toEqual([undefined]);
  });

  test('is what lies before the time', () => {
    expect(unneeded([run([file(10_000)])], { since })).toEqual([{ before: since }]);
    expect(unneeded([run([file(10_000)])], { since, from: at(20) })).toEqual([undefined]);
  });

  test('is nothing of a file that begins in the middle of a line, that the reference wrote, or beside other runs', () => {
    for (const range of [tail, { since }]) {
      const { namespace: _, container: __, container_id: ___, ...ofReference } = file(10_000);
      expect(unneeded([run([{ ...ofReference, key: 'logs/job-a/x/1_1.gz' }])], range)).toEqual([undefined]);
      expect(unneeded([run([file(10), file(10_000, { opens_inside: ['stdout'] })])], range)).toEqual([undefined]);
      const late = run([file(10)], 1);
      expect(unneeded([run([file(10_000)]), late], range)).toEqual([undefined, undefined]);
    }
  });
});

describe('a merged file of which records are left out', () => {
  const leaveOut = async (file: LogFile, count: number) => {
    const passed: number[] = [];
    const leftOut = { unneeded: { lines: count }, onPassed: (records: number) => passed.push(records) };
    const records = (
      await collect(mergedRecords(store, file, (damage) => damages.push(damage), undefined, leftOut))
    ).flat();
    return { passed, texts: records.map(messageOf) };
  };

  test('gives the others, and tells how many were left out', async () => {
    const file = await putMerged(lines(10_000));
    const { passed, texts } = await leaveOut(file, 9_000);
    expect(passed).toEqual([9_000]);
    expect(texts).toEqual(lines(1000, 9000).map((line) => line.log));
    expect(damages).toEqual([]);
  });

  test('is as damaged as it is when records are missing', async () => {
    const file = await putMerged(lines(10_000));
    await leaveOut({ ...file, records_count: 10_001 }, 9_000);
    expect(damages).toMatchObject([{ reason: '10000 records, where the metadata says 10001', incomplete: true }]);
  });

  test('gives what is left of the end of a damaged log, as it gives the whole of it', async () => {
    const { key } = await putMerged(lines(10_000));
    const packed = Buffer.from(await (await store.get(key)).bytes());
    const broken = packed.subarray(0, packed.length - 600);
    const left = gunzipSync(broken, { finishFlush: 2 }).toString().split('\n').length - 1;
    await store.put(key, broken);
    const { instances } = await reader().open(POD);
    const given: string[] = [];
    const readTail = async () => {
      for await (const { messages } of reader().messages(instances, { tail: 50 }))
        given.push(...messages.map(messageOf));
    };
    await expect(readTail()).rejects.toThrow(DamagedLogError);
    expect(given).toHaveLength(50);
    expect(given.at(0)).toBe(`line ${(left - 50).toString()}`);
  });
});

test('a read that began amid a file goes on where it was when compaction has replaced the files', async () => {
  const all = lines(60_000);
  await putMerged(all.slice(0, 30_000));
  await putMerged(all.slice(30_000));
  const { instances } = await reader().open(POD);
  const given: LogRecord[] = [];
  for await (const { messages } of reader().messages(instances, { since: at(20_000) })) {
    if (given.length === 0) await putMerged(all, true);
    given.push(...messages);
  }
  expect(given.map(messageOf)).toEqual(all.slice(20_000).map((line) => line.log));
});
