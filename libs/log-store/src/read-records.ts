import { compareInstants, type Instant, type LogRecord } from '@cordwood/log-record';
import { Deduplicator } from './deduplicator.ts';
import type { ExpectedObject } from './held-object.ts';
import { filesIn, type FilesInRange, type FilesOfRun, type Range } from './file-range.ts';
import { type InstanceOpener, isReplaced, REOPENINGS } from './instance-opener.ts';
import { type MergedSource, mergedSources, type RawSource, rawSources } from './instance-records.ts';
import { type ContainerInstance, hasTrustedTimes } from './instances.ts';
import { inTurn } from './in-turn.ts';
import { join, type Source } from './join.ts';
import { mergedRecords, type OnDamage, piecesOf } from './merged-file.ts';
import { MergedIdentities } from './merged-identities.ts';
import type { ObjectStore } from './object-store.ts';
import type { LineTaker, RawFile } from './raw-file.ts';
import type { ReadAhead } from './read-ahead.ts';
import { PositionLostError, ReadPosition } from './read-position.ts';
import { arrange, type Run } from './runs.ts';
import { TextBlocks, type TextOptions, type TextPiece, textTaker } from './text-pieces.ts';

export interface ReadRecordsOptions {
  readonly store: ObjectStore;
  /** Gets the files in their order. The opener's raw files are to come from there too. */
  readonly ahead: ReadAhead;
  readonly opener: InstanceOpener;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  /** For specs: bytes of merged files that are read before those in range, where these begin in the middle of a line. */
  readonly lookBack?: number | undefined;
  readonly onDamage: OnDamage;
  /** Called when a read found one of its files replaced by compaction, and goes on with those of now. */
  readonly onReplaced?: (() => void) | undefined;
}

export interface ReadRange extends Range {
  /** Called with what is read, before the first records; again when it had to be found anew before there were any. */
  readonly onBegin: (inRange: FilesInRange) => void;
  /** Whether a line of the run is not joined yet that belongs to the range. */
  readonly isJoining: (run: number) => boolean;
}

/** All of a log, to be shown as text: what is plain of it comes so. */
export interface TextRange extends ReadRange {
  readonly text: TextOptions;
  /** Whether a line in parts is not joined yet. */
  readonly isInside: () => boolean;
}

/** Records of one run. */
export interface RunRecords {
  readonly run: number;
  readonly records: LogRecord[];
}

/** What stands for records of one run. */
export interface RunText {
  readonly run: number;
  readonly piece: TextPiece;
}

/**
 * The records of one container instance in order, each once: those of the files that may hold something of the range. Compaction may
 * replace the files meanwhile: a read that finds one of them gone looks at what there is now, and goes on where it stood (I7).
 * Throws PositionLostError when that place is nowhere to be found.
 */
export function readRecords(
  options: ReadRecordsOptions,
  opened: ContainerInstance<RawFile>,
  range: TextRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRecords | RunText>;
export function readRecords(
  options: ReadRecordsOptions,
  opened: ContainerInstance<RawFile>,
  range: ReadRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRecords>;
export async function* readRecords(
  options: ReadRecordsOptions,
  opened: ContainerInstance<RawFile>,
  range: ReadRange | TextRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRecords | RunText> {
  let instance = opened;
  let position = new ReadPosition();
  for (let vain = 0; ;) {
    // As long as nothing has been read, the read begins with the files of now.
    if (!position.begun) position = new ReadPosition();
    const seek = position.seek();
    try {
      for await (const read of recordsFrom(options, instance, position, range, signal)) {
        const { run } = read;
        if ('piece' in read) {
          const { count, last } = read.piece;
          position.leaveOut(run, count - last.length);
          position.advance(run, last);
          vain = 0;
          yield read;
          continue;
        }
        const { records } = read;
        const fresh = seek.after(records);
        if (fresh.length === 0) continue;
        position.advance(run, fresh);
        vain = 0;
        yield { run, records: fresh };
      }
      if (!seek.found) throw new PositionLostError(instance.containerId);
      break;
    } catch (error) {
      if (!isReplaced(error) || ++vain > REOPENINGS) throw error;
      options.ahead.clear();
      instance = await options.opener.openAgain(instance, error, signal);
      options.onReplaced?.();
    }
  }
  for (const { key, damage } of instance.raw)
    if (damage !== undefined) options.onDamage({ key, reason: damage, incomplete: false });
}

/** The records from the range's beginning on, or from somewhere before the place that a read has reached. */
async function* recordsFrom(
  { store, ahead, onDamage, reorderWindow, lookBack }: ReadRecordsOptions,
  instance: ContainerInstance<RawFile>,
  position: ReadPosition,
  range: ReadRange | TextRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRecords | RunText> {
  const runs = arrange(instance.merged, instance.raw, reorderWindow);
  const inRange = filesToRead(runs, position, range, lookBack);
  if (!position.begun) range.onBegin(inRange);
  runs.forEach((run, index) => ahead.expect(expectedOf(run, inRange.runs[index])));
  const identities = new MergedIdentities(
    instance.merged.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
    (file) => mergedRecords(store, file, onDamage, signal),
  );
  const deduplicator = new Deduplicator(identities, reorderWindow);
  const shown = position.begun ? undefined : shownAsText(runs, range);
  if (shown !== undefined) {
    const { run, text, isInside } = shown;
    for (const file of run.merged) {
      const pieces = piecesOf(ahead, file, onDamage, signal, new TextBlocks(text, isInside));
      for await (const read of ahead.following(file.key, pieces)) yield ofRun(run.number, read);
    }
    const sources = rawSources(run, instance.deletedUntil, true).map((source) => followedRaw(ahead, source));
    const takerOf = (source: RawSource, upcoming: Instant | undefined): LineTaker<Uint8Array> =>
      textTaker(
        text,
        isInside,
        () => deduplicator.bulk(upcoming),
        (lines) => deduplicator.remember(source, lines, upcoming),
      );
    for await (const read of inTurn(sources, takerOf))
      yield ofRun(run.number, 'taken' in read ? read.taken : await deduplicator.filter(read));
    return;
  }
  const sources = runs.map((run, index) => {
    const { files, rests, skipped, unneeded } = inRange.runs[index] ?? NO_FILES;
    const leaveOut = (records: number): void => position.leaveOut(run.number, records);
    if (!position.begun) leaveOut(skipped);
    return [
      ...mergedSources(ahead, files, onDamage, signal, unneeded && { unneeded, onPassed: leaveOut }).map((source) =>
        followed(ahead, source),
      ),
      ...mergedSources(ahead, rests, onDamage, signal).map((source) =>
        restOf(source, () => range.isJoining(run.number)),
      ),
      ...rawSources(run, instance.deletedUntil, rests.length > 0).map((source) => followedRaw(ahead, source)),
    ];
  });
  for await (const batch of join(sources)) {
    yield { run: runs[batch.run]?.number ?? 0, records: await deduplicator.filter(batch) };
  }
}

/**
 * Tells what will be read of several container instances, one after the other: of each one's main run, so far as it is in range. What else there
 * is of them, and in which order, is told when their turn comes.
 */
export function expectInTurn(
  { ahead, reorderWindow, lookBack }: ReadRecordsOptions,
  instances: readonly ContainerInstance<RawFile>[],
  range: Range,
): void {
  const expected = instances.flatMap(({ merged, raw }) => {
    const runs = arrange(merged, raw, reorderWindow);
    const [main] = runs;
    return main === undefined ? [] : expectedOf(main, filesIn(runs, range, lookBack).runs[0]);
  });
  ahead.expect(expected);
}

/** The most that so many bytes become by gzip: a header, and a little for each block that it could not make smaller. */
const mostStored = (size: number): number => size + Math.ceil(size / 1000) + 1024;

/** What the store will be asked for, in order. */
const expectedOf = (run: Run<RawFile>, { files }: Pick<FilesOfRun, 'files'> = NO_FILES): ExpectedObject[] => [
  ...files.map(({ key, stored_size: stored, size }) => ({ key, size: stored ?? mostStored(size) })),
  ...run.raw.filter(({ isKept }) => !isKept).map(({ key, size, etag }) => ({ key, size, ifMatch: etag })),
];

/** The run that can be read as text, where that is wanted: nothing may stand between its records. */
function shownAsText(
  [main, ...others]: readonly Run<RawFile>[],
  range: ReadRange | TextRange,
): (Pick<TextRange, 'text' | 'isInside'> & { readonly run: Run<RawFile> }) | undefined {
  // The order of the reference's records needs to be settled, and that of several runs is by record.
  if (!('text' in range) || main === undefined || others.length > 0 || !main.merged.every(hasTrustedTimes)) return;
  const { text, isInside } = range;
  return { run: main, text, isInside };
}

const ofRun = (run: number, read: TextPiece | LogRecord[]): RunRecords | RunText =>
  'made' in read ? { run, piece: read } : { run, records: read };

const NO_FILES: Pick<FilesOfRun, 'files' | 'rests' | 'skipped' | 'unneeded'> = { files: [], rests: [], skipped: 0 };

/** The source, and what is to be read after it is fetched meanwhile. */
const followed = <S extends MergedSource | RawSource>(ahead: ReadAhead, source: S): S => ({
  ...source,
  open: () => ahead.following(source.file.key, source.open()),
});

const followedRaw = (ahead: ReadAhead, source: RawSource): RawSource => ({
  ...followed(ahead, source),
  take: (taker) => ahead.following(source.file.key, source.take(taker)),
});

/** The source, if it is needed when its turn comes. */
const restOf = (source: Source, isNeeded: () => boolean): Source => ({
  ...source,
  open: async function* () {
    if (isNeeded()) yield* source.open();
  },
});

function filesToRead(
  runs: readonly Run<RawFile>[],
  position: ReadPosition,
  range: ReadRange,
  lookBack: number | undefined,
): FilesInRange {
  const { time } = position;
  if (time === undefined) return filesIn(runs, range, lookBack);
  const { until } = range;
  return filesIn(
    runs.map((run) => ({ ...run, merged: [...position.remaining(run.number, run.merged)] })),
    // The record that was read last must be found again, also when it is one of a raw file that lies beyond the range.
    { until: until !== undefined && compareInstants(time, until) > 0 ? time : until },
  );
}
