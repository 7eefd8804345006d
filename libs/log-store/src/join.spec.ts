import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareInstants, type Instant, type LogRecord, orderTime } from '@cordwood/log-record';
import { join, type JoinedRecords, type Source } from './join.ts';
import { BASE, collect, type Line, messageOf, recordsOf } from './spec-support.ts';

interface TestSource extends Source {
  readonly name: string;
  opened: number;
  closed: number;
}

const instant = (at: number): Instant => ({ seconds: BASE + at, nanos: 0 });

/** A source that gives these batches and notes what is done with it. */
function source(name: string, batches: readonly LogRecord[][], first?: Instant, raw = true): TestSource {
  const self = { name, raw, first, opened: 0, closed: 0, open };
  async function* open(): AsyncGenerator<LogRecord[]> {
    self.opened++;
    try {
      for (const batch of batches) yield await Promise.resolve(batch);
    } finally {
      self.closed++;
    }
  }
  return self;
}

/** Times of the records of a file, in batches; a file's first record tells its time, and an empty file has none. */
function fileOf(name: string, batches: readonly (readonly number[])[], raw: boolean): TestSource {
  const lines = (times: readonly number[], batch: number): Line[] =>
    times.map((at, i) => ({ at, log: `${name}.${batch}.${i}` }));
  const first = batches.flat()[0];
  return source(
    name,
    batches.map((times, i) => recordsOf(lines(times, i))),
    first === undefined ? undefined : instant(first),
    raw,
  );
}

const messages = (batches: readonly JoinedRecords<Source>[]): string[] =>
  batches.flatMap(({ records }) => records.map(messageOf));

const batches = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 3 });
const runs = fc.array(fc.array(fc.tuple(batches, fc.boolean()), { maxLength: 3 }), { maxLength: 4 });
const build = (spec: readonly (readonly (readonly [number[][], boolean])[])[]): TestSource[][] =>
  spec.map((files, r) => files.map(([times, raw], f) => fileOf(`${r}.${f}`, times, raw)));

/** One record at a time: of the heads of all runs the earliest, of equal ones that of the first run. */
async function oracle(sources: readonly (readonly TestSource[])[]): Promise<string[]> {
  const queues = await Promise.all(
    sources.map(async (files) => (await Promise.all(files.map(async (file) => collect(file.open())))).flat(2)),
  );
  const out: string[] = [];
  for (;;) {
    const heads = queues.flatMap((queue) => queue.slice(0, 1));
    const [first] = heads.toSorted((a, b) => compareInstants(orderTime(a), orderTime(b)));
    if (first === undefined) return out;
    out.push(messageOf(first));
    queues.find((queue) => queue[0] === first)?.shift();
  }
}

describe('order', () => {
  test('runs keep theirs, and are merged by time, ties in the order of the runs', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (spec) => {
        expect(messages(await collect(join(build(spec))))).toEqual(await oracle(build(spec)));
      }),
      { numRuns: 1000 },
    );
  });

  test('every batch is of one source, not empty, and says from when on other raw files are still to come', async () => {
    await fc.assert(
      fc.asyncProperty(runs, fc.option(fc.nat(20)), async (spec, later) => {
        const joined = await collect(join(build(spec), later === null ? undefined : instant(later)));
        joined.forEach(({ source: own, records, upcoming }, i) => {
          expect(records.length).toBeGreaterThan(0);
          const bound = upcoming ?? { seconds: Infinity, nanos: 0 };
          const others = joined.slice(i + 1).filter((batch) => batch.source !== own && batch.source.raw);
          const firsts = [...new Set(others.map((batch) => batch.source))].map((other) =>
            orderTime(others.find((batch) => batch.source === other)!.records[0]!),
          );
          const bounds = later === null ? firsts : [...firsts, instant(later)];
          for (const time of bounds) expect(compareInstants(bound, time)).toBeLessThanOrEqual(0);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('the last file of a log has nothing to come', async () => {
    const joined = await collect(join([[fileOf('a', [[1]], true), fileOf('b', [[2]], true)]]));
    expect(joined.map(({ upcoming }) => upcoming)).toEqual([instant(2), undefined]);
  });
});

describe('records whose place is not known', () => {
  const unknown = (log: string, at: number): LogRecord => {
    const [record] = recordsOf([{ at, log }]);
    record!.orderSeconds = NaN;
    return record!;
  };
  const orders = (joined: readonly JoinedRecords<Source>[]): number[] =>
    joined.flatMap(({ records }) => records.map((record) => record.orderSeconds - BASE));

  test('stand with the one before them, over batches and files', async () => {
    const files = [
      source('a', [[...recordsOf([{ at: 5, log: '1' }]), unknown('2', 99)], [unknown('3', 99)]], instant(5)),
      source('b', [[unknown('4', 99), ...recordsOf([{ at: 7, log: '5' }])]], instant(5)),
    ];
    const joined = await collect(join([files]));
    expect(messages(joined)).toEqual(['1', '2', '3', '4', '5']);
    expect(orders(joined)).toEqual([5, 5, 5, 5, 7]);
  });

  test('at the start of the log with the one after them, in the same file, the next one, or else their own time', async () => {
    const start = (...rest: TestSource[]) => [source('a', [[unknown('1', 99)]]), ...rest];
    expect(orders(await collect(join([start(source('b', [recordsOf([{ at: 3, log: '2' }])], instant(3)))])))).toEqual([
      3, 3,
    ]);
    expect(orders(await collect(join([start()])))).toEqual([99]);
    expect(
      orders(await collect(join([[source('a', [[unknown('1', 99), ...recordsOf([{ at: 4, log: '2' }])]])]]))),
    ).toEqual([4, 4]);
  });
});

describe('files', () => {
  test('of a single run pass as they are, batch by batch', async () => {
    const given = [
      recordsOf([
        { at: 9, log: 'a' },
        { at: 1, log: 'b' },
      ]),
      recordsOf([{ at: 5, log: 'c' }]),
    ];
    const joined = await collect(join([[source('x', given, instant(9))]]));
    expect(joined.map(({ records }) => records)).toEqual(given);
    expect(joined.every(({ records }, i) => records === given[i])).toBe(true);
  });

  test('are opened when their time has come, not before', async () => {
    const [a, b, late] = [fileOf('a', [[0], [50]], true), fileOf('b', [[60]], true), fileOf('late', [[40]], true)];
    const opened: string[] = [];
    for await (const { records } of join([[a, b], [late]])) {
      opened.push(`${records.map(messageOf).join()}: ${[a, b, late].map((file) => file.opened).join('')}`);
    }
    expect(opened).toEqual(['a.0.0: 100', 'late.0.0: 101', 'a.1.0: 101', 'b.0.0: 111']);
  });

  test('are closed, each once, when the reader leaves and when one of them fails', async () => {
    const files = [
      fileOf('a', [[1, 5], [6]], true),
      fileOf('b', [[2, 3], [7]], true),
      fileOf('c', [[8]], true),
    ] as const;
    for await (const { source: own } of join(files.map((file) => [file]))) if (own === files[1]) break;
    expect(files.map(({ opened, closed }) => [opened, closed])).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
    ]);

    const good = fileOf('good', [[1], [3], [9]], true);
    const bad: TestSource = { ...fileOf('bad', [], true), first: instant(2), open: fail };
    async function* fail(): AsyncGenerator<LogRecord[]> {
      yield await Promise.resolve(recordsOf([{ at: 2, log: 'x' }]));
      throw new Error('gone');
    }
    await expect(collect(join([[good], [bad]]))).rejects.toThrow('gone');
    expect([good.opened, good.closed]).toEqual([1, 1]);
  });
});
