import { compareInstants, type Instant, parseTime, type Unneeded } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { earliestOf, endOrderOf, firstOrderOf, hasTrustedTimes, latestOf } from './instances.ts';
import type { RawHead, Run } from './runs.ts';

/** What is wanted of a log. */
export interface Range {
  /** What stands after this; what stands before is not needed, whatever its own time. */
  readonly from?: Instant | undefined;
  /** Messages at or after this, and at or before that. */
  readonly since?: Instant | undefined;
  readonly until?: Instant | undefined;
  /** Merged files that hold this many records at the end of the range are enough. */
  readonly records?: number | undefined;
  /** How many records before those are needed too, as far as the files hold any; undefined: all of them. */
  readonly lead?: number | undefined;
}

/** Which merged files of the runs are read. */
export interface FilesInRange {
  readonly runs: readonly FilesOfRun[];
  /** Whether all of the range is read, and not just its end. */
  readonly whole: boolean;
  /** When it is not: where the end begins. What is read and stands before this is not all there is. */
  readonly beginning: Instant | undefined;
}

type Stream = 'stdout' | 'stderr';

export interface FilesOfRun {
  readonly run: number;
  readonly files: readonly LogFile[];
  /** The files after those, which hold nothing of the range but the rest of lines that began in it. */
  readonly rests: readonly LogFile[];
  /** How many records the files before them hold. */
  readonly skipped: number;
  /** What need not be decoded of the first one. */
  readonly unneeded?: Unneeded | undefined;
  /** Streams that are in the middle of a line where the files begin. */
  readonly inside: readonly Stream[];
}

/**
 * Bytes of merged files that are read before those in range, where a line goes on in these: more than its joined parts may have. What it is
 * (joined, or too long for that) is mostly known then; if not, it began long before the range.
 */
const LOOK_BACK = 16 * 1024 * 1024;

/**
 * The merged files of a container instance's runs without those at their beginnings and ends that hold nothing of the range.
 *
 * What is left out before `from` changes nothing in the order of the rest: it stands before everything at or after it.
 */
export function filesIn(runs: readonly Run<RawHead>[], range: Range, lookBack = LOOK_BACK): FilesInRange {
  const bounds = (run: Run<RawHead>, one: Range): Bounds => boundsOf(run, one, runs.length === 1);
  const [main, ...others] = runs;
  const { records, lead, since } = range;
  const before = since !== undefined && range.from === undefined ? { before: since } : undefined;
  const inRange = runs.map((run) => filesOfRun(run, bounds(run, range), lookBack));
  const whole = {
    // Among those of other runs the place of what is left depends on what is left out.
    runs: runs.length === 1 ? inRange.map((files) => leavingOut(files, before)) : inRange,
    whole: true,
    beginning: undefined,
  };
  if (records === undefined || main === undefined) return whole;
  const all = bounds(main, range);
  const start = startOfEnd(main.merged, all, records);
  const end = (run: Run<RawHead>, one: Bounds): FilesOfRun => filesOfRun(run, one, lookBack, OVERLAP);
  if (others.length === 0) {
    const files = start === all.start ? filesOfRun(main, all, lookBack) : end(main, { ...all, start });
    const ofEnd = leavingOut(files, lead === undefined ? undefined : allBut(records + lead, files.files));
    if (start === all.start && ofEnd.unneeded === undefined) return whole;
    return { runs: [ofEnd], whole: false, beginning: undefined };
  }
  const beginning = start < all.end ? firstOrderOf(at(main.merged, start)) : firstRaw(main);
  // Where the end's place is not known, nothing tells what of other runs belongs to it.
  if (start === all.start || beginning === undefined) return whole;
  const from = latestOf([range.from, beginning]);
  return {
    runs: [end(main, { ...all, start }), ...others.map((run) => end(run, bounds(run, { ...range, from })))],
    whole: false,
    beginning,
  };
}

/** The files, and that this is not needed of the first one: unless it begins in the middle of a line, or may not be as we write it. */
function leavingOut(files: FilesOfRun, unneeded: Unneeded | undefined): FilesOfRun {
  const [first] = files.files;
  const isOurs = first !== undefined && hasTrustedTimes(first);
  return isOurs && files.inside.length === 0 ? { ...files, unneeded } : files;
}

/** Undefined when so many records begin in another than the first file. */
function allBut(records: number, files: readonly LogFile[]): Unneeded | undefined {
  const lines = countOf(files) - records;
  return lines > 0 && lines < (files[0]?.records_count ?? 0) ? { lines } : undefined;
}

const countOf = (files: readonly LogFile[]): number => files.reduce((sum, file) => sum + file.records_count, 0);

/** Indexes of merged files: of the first in range, and after the last. */
interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** `alone`: whether the log has no other run. */
function boundsOf(run: Run<RawHead>, { from, since, until }: Range, alone: boolean): Bounds {
  const { merged, raw } = run;
  const isBefore = (file: LogFile): boolean =>
    (from !== undefined && liesBefore(file, from)) || (since !== undefined && liesBefore(file, since));
  let start = merged.findIndex((file) => !isBefore(file));
  if (start < 0) {
    const last = merged.at(-1);
    // A line that has not ended stands at the end of all, but has its time.
    const isAtEnd = last !== undefined && isOpen(run) && (since === undefined || !liesBefore(last, since));
    start = isAtEnd ? merged.length - 1 : merged.length;
  }
  let end = merged.length;
  // Raw files after a gap would be joined with those of other runs as if it were none.
  if (until !== undefined && (alone || raw.length === 0)) {
    while (end > start && beginsAfter(at(merged, end - 1), until)) end--;
  }
  return { start, end };
}

/** Where the files begin that hold so many records at the end. */
function startOfEnd(files: readonly LogFile[], { start: first, end }: Bounds, records: number): number {
  let start = end;
  for (let missing = records; start > first && missing > 0;) missing -= at(files, --start).records_count;
  return start;
}

/** At most so many files before the end are read too for messages that have a time in common with it: those are told apart by counting. */
const OVERLAP = 2;

function filesOfRun(run: Run<RawHead>, bounds: Bounds, lookBack: number, overlap = 0): FilesOfRun {
  const { merged, number } = run;
  let start = startOfLines(run, bounds.start, lookBack);
  for (let more = 0; more < overlap && start > 0; more++) {
    const first = start < merged.length ? parseTime(at(merged, start).first_record_time) : firstRaw(run);
    const last = parseTime(at(merged, start - 1).last_record_time);
    if (first === undefined || last === undefined || compareInstants(last, first) < 0) break;
    start = startOfLines(run, start - 1, lookBack);
  }
  return {
    run: number,
    files: merged.slice(start, bounds.end),
    rests: merged.slice(bounds.end),
    skipped: countOf(merged.slice(0, start)),
    inside: insideAt(run, start),
  };
}

/** Where the lines begin that go on in this file; or not quite so far back. */
function startOfLines(run: Run<RawHead>, index: number, lookBack: number): number {
  let start = index;
  for (let bytes = 0; insideAt(run, start).length > 0 && bytes < lookBack;) bytes += at(run.merged, --start).size;
  return start;
}

/** Streams in the middle of a line that began before this merged file; or before the raw files. */
function insideAt({ merged, raw }: Run<RawHead>, index: number): readonly Stream[] {
  if (index === 0) return [];
  const file = merged[index];
  if (file === undefined) return raw.length > 0 ? (at(merged, index - 1).ends_inside ?? []) : [];
  return file.opens_inside ?? [];
}

/** Whether a line of the run's merged files has not ended there. */
const isOpen = ({ merged }: Run<RawHead>): boolean => (merged.at(-1)?.ends_inside ?? []).length > 0;

const firstRaw = (run: Run<RawHead>): Instant | undefined => earliestOf(run.raw.map(({ order }) => order));

function at(files: readonly LogFile[], index: number): LogFile {
  const file = files[index];
  if (file === undefined) throw new RangeError(`there is no file ${index.toString()}`);
  return file;
}

/** Whether the file holds nothing at or after the instant, neither by its records' times nor by their places. */
function liesBefore(file: LogFile, instant: Instant): boolean {
  // The reference's times are not trusted to say so.
  const last = hasTrustedTimes(file) ? parseTime(file.last_record_time) : undefined;
  const latest = latestOf([last, firstOrderOf(file), endOrderOf(file)]);
  return last !== undefined && latest !== undefined && compareInstants(latest, instant) < 0;
}

function beginsAfter(file: LogFile, instant: Instant): boolean {
  const first = hasTrustedTimes(file) ? parseTime(file.first_record_time) : undefined;
  return first !== undefined && compareInstants(first, instant) > 0;
}
