import type { LogFile } from '@cordwood/pod-metadata';
import { parseMinute } from '@cordwood/s3-key-format';
import {
  compareInstants,
  type Instant,
  isOrdered,
  isTimed,
  type LogRecord,
  orderTime,
  recordTime,
} from '@cordwood/log-record';
import { endOrderOf, firstOrderOf } from './instances.ts';
import { type LeftOut, mergedRecords, type OnDamage } from './merged-file.ts';
import type { Source } from './join.ts';
import type { ReadableStore } from './object-store.ts';
import type { LineTaker, RawFile } from './raw-file.ts';
import type { Run } from './runs.ts';
import type { Taken } from './taken-blocks.ts';

/** A raw file as a source of the join. */
export interface RawSource extends Source {
  readonly file: RawFile;
  /** The same as {@link Source.open}, but for what is taken. */
  take<T>(taker: LineTaker<T>): AsyncGenerator<LogRecord[] | Taken<T>>;
}

/**
 * The raw files of a run as sources, without what was deleted. A file whose beginning does not tell its time counts as of the one
 * before it. `gap`: whether merged files right before them are not read.
 */
export function rawSources(run: Run<RawFile>, deletedUntil: Instant | undefined, gap = false): RawSource[] {
  const last = run.merged.at(-1);
  let before: Instant | undefined = last === undefined ? undefined : firstOrderOf(last);
  return run.raw.map((file, index) => {
    before = file.order ?? before;
    return {
      first: before,
      after: last === undefined ? undefined : endOrderOf(last),
      date: { seconds: parseMinute(file.parsed.date) ?? 0, nanos: 0 },
      raw: true,
      afterGap: gap && index === 0,
      file,
      open: () => (deletedUntil === undefined ? file.records() : recordsAfter(deletedUntil, file)),
      take: (taker) => (deletedUntil === undefined ? file.take(taker) : recordsAfter(deletedUntil, file)),
    };
  });
}

/**
 * The records later than `until`. One whose place nothing in the file tells goes by its own time, or the date in the key, and not by what
 * is read before it: so the same ones are left out whatever of the log is merged.
 */
async function* recordsAfter(until: Instant, file: RawFile): AsyncGenerator<LogRecord[]> {
  const date = { seconds: parseMinute(file.parsed.date) ?? 0, nanos: 0 };
  const timeOf = (record: LogRecord): Instant =>
    isOrdered(record) ? orderTime(record) : isTimed(record) ? recordTime(record) : date;
  for await (const records of file.records()) {
    yield records.filter((record) => compareInstants(timeOf(record), until) > 0);
  }
}

/** A merged file as a source of the join. */
export interface MergedSource extends Source {
  readonly file: LogFile;
}

/** Merged files as sources. `leftOut`: of the first of them. */
export const mergedSources = (
  store: ReadableStore,
  files: readonly LogFile[],
  onDamage: OnDamage,
  signal?: AbortSignal,
  leftOut?: LeftOut,
): MergedSource[] =>
  files.map((file, index) => ({
    file,
    first: firstOrderOf(file),
    raw: false,
    open: (): AsyncGenerator<LogRecord[]> =>
      mergedRecords(store, file, onDamage, signal, index === 0 ? leftOut : undefined),
  }));
