import type { LogFile } from '@cordwood/pod-metadata';
import { parseMinute } from '@cordwood/s3-key-format';
import type { Instant, LogRecord } from '@cordwood/log-record';
import { endOrderOf, firstOrderOf } from './instances.ts';
import { mergedRecords, type OnDamage } from './merged-file.ts';
import type { Source } from './join.ts';
import type { ObjectStore } from './object-store.ts';
import type { RawFile } from './raw-file.ts';
import type { Run } from './runs.ts';

/** A raw file as a source of the join. */
export interface RawSource extends Source {
  readonly file: RawFile;
}

/** The raw files of a run as sources. A file whose beginning does not tell its time counts as of the one before it. */
export function rawSources(run: Run<RawFile>): RawSource[] {
  const last = run.merged.at(-1);
  let before: Instant | undefined = last === undefined ? undefined : firstOrderOf(last);
  return run.raw.map((file) => {
    before = file.order ?? before;
    return {
      first: before,
      after: last === undefined ? undefined : endOrderOf(last),
      date: { seconds: parseMinute(file.parsed.date) ?? 0, nanos: 0 },
      raw: true,
      file,
      open: () => file.records(),
    };
  });
}

/** Merged files as sources. */
export const mergedSources = (
  store: ObjectStore,
  files: readonly LogFile[],
  onDamage: OnDamage,
  signal?: AbortSignal,
): Source[] =>
  files.map((file) => ({
    first: firstOrderOf(file),
    raw: false,
    open: (): AsyncGenerator<LogRecord[]> => mergedRecords(store, file, onDamage, signal),
  }));
