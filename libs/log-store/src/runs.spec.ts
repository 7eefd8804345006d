import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatTime, type Instant, isMisdated } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { formatMinute, parseMinute } from '@cordwood/s3-key-format';
import { arrange, lastRawOf, type RawHead, type Run } from './runs.ts';
import { BASE, rawKey, WINDOW } from './spec-support.ts';

interface Head extends RawHead {
  readonly name: string;
}

const instant = (at: number): Instant => ({ seconds: BASE + at, nanos: 0 });

/** A raw file: its key's date (in minutes after BASE) and index, when it arrived, and the time of its first record. */
function head(name: string, minute: number, index: number, arrived: number, at: number | undefined): Head {
  const date = formatMinute(BASE + minute * 60);
  return {
    name,
    parsed: { date, index: index.toString() },
    key: rawKey(date, index),
    lastModified: arrived * 1000,
    order: at === undefined ? undefined : instant(at),
    misdated: at !== undefined && isMisdated(BASE + at, parseMinute(date) ?? NaN),
  };
}

const names = (runs: readonly Run<Head>[]): string[][] => runs.map((run) => run.raw.map(({ name }) => name));
const arranged = (...files: Head[]): string[][] => names(arrange([], files.toReversed(), WINDOW));

describe('raw files', () => {
  test('stand in order of arrival, whatever their names say, as long as none is late', () => {
    expect(arranged(head('a', 0, 8, 1, 0), head('b', 0, 10, 2, 30), head('c', 1, 2, 3, 60))).toEqual([['a', 'b', 'c']]);
    // Out of order by less than the window, with a lower index.
    expect(arranged(head('a', 0, 8, 1, 20), head('b', 0, 7, 2, 11), head('c', 0, 9, 3, 30))).toEqual([['a', 'b', 'c']]);
    expect(arranged(head('a', 0, 8, 1, 20), head('b', 0, 7, 2, 10), head('c', 0, 9, 3, 30))).toEqual([
      ['a', 'c'],
      ['b'],
    ]);
  });

  test('in the same second of arrival, by date and by index as a number', () => {
    expect(arranged(head('a', 0, 8, 1, 0), head('b', 0, 10, 1, 3), head('c', 1, 0, 1, 60))).toEqual([['a', 'b', 'c']]);
  });

  test('a late file makes a run of its own, and those after it that its key vouches for join it', () => {
    expect(
      arranged(head('a', 0, 0, 1, 0), head('c', 4, 4, 2, 240), head('b', 1, 1, 3, 60), head('d', 5, 5, 4, 300)),
    ).toEqual([['a', 'c', 'd'], ['b']]);
  });

  test('a first record out of time does not make a file late when its key follows', () => {
    expect(arranged(head('a', 1, 3, 1, 100), head('b', 1, 4, 2, 60))).toEqual([['a', 'b']]);
    expect(arranged(head('a', 1, 3, 1, 100), head('b', 1, 2, 2, 60))).toEqual([['a'], ['b']]);
  });

  test('buffers left over from a restart have its date: they are late, one run, in order of their index', () => {
    const running = [head('a', 0, 0, 1, 0), head('c', 20, 0, 2, 1200)];
    const leftover = [head('b1', 20, 1, 3, 60), head('b2', 20, 2, 4, 120), head('b3', 20, 3, 5, 90)];
    expect(arranged(...running, ...leftover, head('d', 21, 4, 6, 1260))).toEqual([
      ['a', 'c', 'd'],
      ['b1', 'b2', 'b3'],
    ]);
    // Another restart's date vouches for nothing.
    expect(arranged(...running, ...leftover, head('e', 22, 5, 6, 30))).toEqual([['a', 'c'], ['b1', 'b2', 'b3'], ['e']]);
  });

  test('once the log has gone on after a restart, its date vouches for nothing any more', () => {
    const leftover = [head('x', 20, 1, 1, 60), head('y', 20, 3, 3, 90)] as const;
    expect(arranged(leftover[0], head('d', 21, 2, 2, 1260), leftover[1])).toEqual([['x', 'd'], ['y']]);
    expect(arranged(leftover[0], head('d', 21, 2, 2, undefined), leftover[1])).toEqual([['x', 'd', 'y']]);
  });

  test('the index begins again after a restart, on a later date', () => {
    expect(arranged(head('a', 0, 7, 1, 0), head('b', 1, 0, 2, 60), head('c', 1, 1, 3, 75))).toEqual([['a', 'b', 'c']]);
  });

  test('a key that is written a second time stands where it arrives', () => {
    expect(arranged(head('a', 0, 0, 1, 0), head('b', 0, 1, 2, 20), head('a again', 0, 0, 3, 40))).toEqual([
      ['a', 'b', 'a again'],
    ]);
  });

  test('a file that does not tell its time goes with the log as it was delivered', () => {
    expect(arranged(head('a', 5, 5, 1, 300), head('b', 0, 0, 2, undefined), head('c', 6, 6, 3, 360))).toEqual([
      ['a', 'b', 'c'],
    ]);
  });

  test('a file that does not tell its time vouches for no late one, whatever its name', () => {
    expect(
      arranged(head('a', 5, 5, 1, 300), head('b', 0, 0, 2, undefined), head('c', 1, 1, 3, 60), head('d', 6, 6, 4, 360)),
    ).toEqual([['a', 'b', 'd'], ['c']]);
  });
});

test('a raw file joins the earliest of the runs that it follows, wherever their files stand in the metadata', () => {
  const late = [head('b', 3, 3, 2, 180), head('a', 1, 1, 3, 60)];
  const entries = arrange([], [head('main', 9, 9, 1, 540), ...late], WINDOW).map(mergedEntry);
  expect(entries.map(({ run }) => run)).toEqual([undefined, 1, 2]);
  const runs = arrange(entries.toReversed(), [head('c', 4, 4, 4, 240)], WINDOW);
  expect(runs.map(({ number, raw }) => [number, raw.map(({ name }) => name)])).toEqual([
    [0, []],
    [1, ['c']],
    [2, []],
  ]);
});

/** The entry that a merge writes for a run: see MergedWriter and Compactor. */
function mergedEntry(run: Run<Head>): LogFile {
  const before = run.merged.findLast((file) => file.last_raw)?.last_raw;
  const first = run.raw.find((file) => file.order)?.order ?? run.raw[0]?.order;
  const stamp = formatTime(first ?? instant(0));
  return {
    key: run.raw.map(({ name }) => name).join(' '),
    records_count: 1,
    size: 1,
    first_record_time: stamp,
    last_record_time: stamp,
    order_time: stamp,
    namespace: 'team',
    ...(run.number > 0 && { run: run.number }),
    last_raw: lastRawOf(before, run.raw),
  };
}

const mergeAll = (merged: readonly LogFile[], raw: readonly Head[]): LogFile[] => [
  ...merged,
  ...arrange(merged, raw, WINDOW)
    .filter((run) => run.raw.length > 0)
    .map(mergedEntry),
];

const anyHead = fc
  .record({
    minute: fc.nat(8),
    index: fc.nat(6),
    // Mostly near the date in the key, as normal.
    at: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 59 }) }, fc.integer({ min: -480, max: 480 })),
    known: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  })
  .map(({ minute, index, at, known }) => ({ minute, index, at: known ? minute * 60 + at : undefined }));

describe('merged files', () => {
  test('with any part of the files merged, in any steps, the order is that of the raw files alone', () => {
    fc.assert(
      fc.property(fc.array(anyHead, { maxLength: 12 }), fc.array(fc.nat(4), { maxLength: 6 }), (heads, steps) => {
        const files = heads.map(({ minute, index, at }, i) =>
          // Without any time at the log's start there is nothing to compare with.
          head(`f${i}`, minute, index, i, i === 0 ? (at ?? minute * 60) : at),
        );
        let merged: LogFile[] = [];
        let from = 0;
        for (const step of steps) merged = mergeAll(merged, files.slice(from, (from += step)));
        const runs = arrange(merged, files.slice(from), WINDOW);
        const read = runs.map((run) => [
          ...run.merged.flatMap(({ key }) => key.split(' ')),
          ...run.raw.map((f) => f.name),
        ]);
        expect(read).toEqual(names(arrange([], files, WINDOW)));
      }),
      { numRuns: 3000 },
    );
  });

  test('are kept in the order of the metadata, by run', () => {
    const file = (key: string, run?: number): LogFile => ({
      ...mergedEntry({ number: run ?? 0, merged: [], raw: [head(key, 0, 0, 0, 0)] }),
    });
    const runs = arrange([file('a'), file('x', 2), file('b', 0), file('y', 2)], [], WINDOW);
    expect(runs.map((run) => [run.number, ...run.merged.map(({ key }) => key)])).toEqual([
      [0, 'a', 'b'],
      [2, 'x', 'y'],
    ]);
    expect(arrange([], [], WINDOW)).toEqual([]);
    // A file that was written anew stands behind those of later runs.
    expect(arrange([file('y', 2), file('x', 1)], [], WINDOW).map(({ number }) => number)).toEqual([1, 2]);
  });

  test('of the reference end at their last record: what begins well before is late', () => {
    const reference = { key: 'r', records_count: 1, size: 1, first_record_time: formatTime(instant(0)) };
    const merged = [{ ...reference, last_record_time: formatTime(instant(100)) }];
    expect(names(arrange(merged, [head('a', 1, 0, 1, 90)], WINDOW))).toEqual([[], ['a']]);
    expect(names(arrange(merged, [head('a', 1, 0, 1, 91)], WINDOW))).toEqual([['a']]);
  });
});
