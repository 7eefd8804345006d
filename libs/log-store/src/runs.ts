import { compareInstants, formatTime, type Instant, parseTime, shiftInstant } from '@cordwood/log-record';
import { isReferenceFile, type LastRaw, type LogFile } from '@cordwood/pod-metadata';
import { compareRawFiles, type RawKey } from '@cordwood/s3-key-format';

/**
 * The order of a container instance's files (docs/adr/0002).
 *
 * A *run* is a sequence of files that stand one after the other. Run 0 is the log as it was delivered. A raw file joins it in order of
 * arrival, unless it is late: its first record is more than the reorder window before that of the run's last file, and its key does
 * not vouch for the order. Late files make further runs, whose records are read at their time among those of the others.
 *
 * A merge writes runs down as they are, and keeps what the next raw file is compared with. So the order is the same whether
 * files are merged or not.
 */

/** What is known of a raw file before its records are read. */
export interface RawHead {
  readonly parsed: Pick<RawKey, 'date' | 'index'>;
  readonly key: string;
  readonly lastModified: number;
  /** Ordering time of the first record, where its beginning tells. */
  readonly order: Instant | undefined;
  readonly misdated: boolean;
}

/** Files in order: merged ones first, then raw ones. */
export interface Run<R extends RawHead> {
  /** The number in the metadata; run 0 is the main one. */
  readonly number: number;
  readonly merged: LogFile[];
  readonly raw: R[];
}

interface Building<R extends RawHead> extends Run<R> {
  last: LastRaw;
  /** A new file that begins before this is late. */
  lastOrder: Instant | undefined;
}

/** The runs of one container instance: `merged` in the metadata's order, `raw` in any. `window`: the reorder window in ms. */
export function arrange<R extends RawHead>(merged: readonly LogFile[], raw: readonly R[], window: number): Run<R>[] {
  const main: Building<R> = { number: 0, merged: [], raw: [], last: {}, lastOrder: undefined };
  const runs = [main];
  for (const file of merged) {
    const number = file.run ?? 0;
    let run = runs.find((candidate) => candidate.number === number);
    if (run === undefined) runs.push((run = { number, merged: [], raw: [], last: {}, lastOrder: undefined }));
    run.merged.push(file);
    run.last = file.last_raw ?? run.last;
    run.lastOrder = lastOrderOf(file) ?? run.lastOrder;
  }
  // As they were made: a run whose file was written anew may stand behind later ones in the metadata.
  runs.sort((a, b) => a.number - b.number);
  for (const file of raw.toSorted(compareArrival)) {
    const run = runFor(file, runs, main, window);
    run.raw.push(file);
    run.last = stateAfter(run.last, file);
    run.lastOrder = file.order ?? run.lastOrder;
  }
  // By number: of records at the same time, those of the earlier run come first.
  return runs.filter((run) => run.merged.length + run.raw.length > 0);
}

/** What the metadata keeps of the last raw files of a run, given what it kept of those before. */
export const lastRawOf = (before: LastRaw | undefined, files: readonly RawHead[]): LastRaw =>
  files.reduce(stateAfter, before ?? {});

function stateAfter(before: LastRaw, file: RawHead): LastRaw {
  const name = { date: file.parsed.date, index: file.parsed.index };
  if (file.order === undefined) {
    // It stands here for want of anything that tells; if its name goes back, that says nothing of those that come after.
    const goesBack = before.dated !== undefined && compareRawFiles(name, before.dated) < 0;
    return goesBack ? before : { ...before, dated: name };
  }
  const order = { order_time: formatTime(file.order) };
  if (file.misdated) return { ...before, ...order, misdated: name };
  // After a file with a date of its own, the date of a restart vouches for nothing any more.
  const { misdated: _, ...rest } = before;
  return { ...rest, ...order, dated: name };
}

function runFor<R extends RawHead>(file: R, runs: Building<R>[], main: Building<R>, window: number): Building<R> {
  const following = runs.find((run) => follows(file, run.last));
  if (following !== undefined) return following;
  const late =
    file.order !== undefined &&
    main.lastOrder !== undefined &&
    compareInstants(shiftInstant(file.order, window), main.lastOrder) <= 0;
  if (!late) return main;
  const run = {
    number: Math.max(...runs.map(({ number }) => number)) + 1,
    merged: [],
    raw: [],
    last: {},
    lastOrder: undefined,
  };
  runs.push(run);
  return run;
}

/**
 * Whether the file's key vouches that it comes after the run's files, which arrived before it: a later date or index than that of the
 * last one whose date means the same: the first record's time, or the time of one restart.
 */
const follows = (file: RawHead, last: LastRaw): boolean =>
  file.misdated
    ? last.misdated?.date === file.parsed.date && compareRawFiles(last.misdated, file.parsed) < 0
    : last.dated !== undefined && compareRawFiles(last.dated, file.parsed) < 0;

/** Order of arrival: by the store's clock, which has whole seconds in places; then by key. */
export const compareArrival = (
  a: Pick<RawHead, 'parsed' | 'key' | 'lastModified'>,
  b: Pick<RawHead, 'parsed' | 'key' | 'lastModified'>,
): number => a.lastModified - b.lastModified || compareRawFiles(a.parsed, b.parsed) || (a.key < b.key ? -1 : 1);

/** Files of the reference do not say which raw file was their last; what begins before their end may be late. */
const lastOrderOf = (file: LogFile): Instant | undefined =>
  parseTime((isReferenceFile(file) ? file.last_record_time : file.last_raw?.order_time) ?? '');
