import {
  isFull,
  join,
  mergedSources,
  MergedWriter,
  type MergedWriterOptions,
  planTail,
  type RawHead,
  type Run,
} from '@cordwood/log-store';
import type { LastRaw, LogFile, Merge } from '@cordwood/pod-metadata';

/** What all files have in common that a merge writes of a container instance. */
export type JoinRunsOptions = Omit<MergedWriterOptions, 'run' | 'tail' | 'rewriteTail'>;

/** What became of runs: `changed` are entries of runs that cannot become one with others. */
type JoinedRuns = Required<Pick<Merge, 'written' | 'replaced' | 'changed'>>;

const NOTHING: JoinedRuns = { written: [], replaced: [], changed: [] };

type AnyRun = Run<RawHead>;

/**
 * Makes one of several runs of late records, where the policy has it: so a log of which many files arrive late does not have a run for each. Reads and
 * writes one file's limit at most. The text of the log stays as it is (docs/adr/0017). Runs with new raw files are left alone.
 */
export async function joinLateRuns(options: JoinRunsOptions, runs: readonly AnyRun[]): Promise<JoinedRuns> {
  const group = groupToJoin(runs, options.limit);
  const [first, last] = [group[0], group.at(-1)];
  if (first === undefined || last === undefined) return NOTHING;
  const files = group.flatMap(({ merged }) => merged);
  const writer = new MergedWriter({
    ...options,
    known: options.known.filter((file) => !files.includes(file)),
    // The newest of their numbers: a number that was given once is never given to other records.
    run: last.number,
    tail: [],
    rewriteTail: false,
  });
  const damaged: string[] = [];
  const sources = group.map(({ merged }) =>
    // Reading the log reports it.
    mergedSources(options.store, merged, ({ key }) => damaged.push(key), options.signal),
  );
  let end = first;
  for await (const joined of join(sources)) {
    options.signal?.throwIfAborted();
    end = group[joined.run] ?? end;
    // Parts are joined within a run, so what stands between them there must not change.
    if (joined.records.some(({ part }) => part === 'P')) return isLone(end);
    await writer.write(joined.source, joined.records);
  }
  const spoilt = group.find(({ merged }) => merged.some(({ key }) => damaged.includes(key)));
  if (spoilt !== undefined) return isLone(spoilt);
  // Only after the end of all of them may a raw file go on as it would have after one of them.
  const { written } = await writer.finish(end === first ? lastRawIn(first) : {});
  return { written, replaced: files.map(({ key }) => key), changed: [] };
}

/** The runs that are to become one, neighbours by number: then nothing changes in the order of records of the same time. */
function groupToJoin(runs: readonly AnyRun[], limit: number): readonly AnyRun[] {
  const segments: AnyRun[][] = [[]];
  for (const run of runs) {
    if (mayBeJoined(run, limit)) segments.at(-1)?.push(run);
    else segments.push([]);
  }
  for (const segment of segments.toReversed()) {
    const { files } = planTail(segment.map(sizeOf), 0, limit);
    if (files > 1) return segment.slice(-files);
  }
  return [];
}

const mayBeJoined = (run: AnyRun, limit: number): boolean =>
  run.number > 0 &&
  run.raw.length === 0 &&
  !isFull(sizeOf(run), limit) &&
  run.merged.every((file) => file.lone !== true && !file.opens_inside?.length && !file.ends_inside?.length);

const sizeOf = ({ merged }: AnyRun): number => merged.reduce((sum, { size }) => sum + size, 0);

const lastRawIn = ({ merged }: AnyRun): LastRaw => merged.findLast((file) => file.last_raw)?.last_raw ?? {};

const isLone = ({ merged }: AnyRun): JoinedRuns => ({
  ...NOTHING,
  changed: merged.map((file): LogFile => ({ ...file, lone: true })),
});
