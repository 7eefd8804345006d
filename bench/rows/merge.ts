import { gzipSync } from 'node:zlib';
import { type Corpus, makeCorpus, ONE_POD } from '../corpora.ts';
import type { CorpusOptions } from '../corpus.ts';
import { besideFloor } from '../floor.ts';
import type { TaskResult } from '../process/task.ts';
import type { Row } from '../report/table.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, unmerge, upload } from '../s3.ts';
import { MB, medianBy, several } from '../statistics.ts';
import type { System } from '../system.ts';
import { rateCells, scaled, yesNo } from '../verdict.ts';
import { type MergedFiles, mergedFilesOf } from './merged-files.ts';
import { processCells } from './process-cells.ts';

export interface MergeGoal {
  readonly reference?: number;
  readonly target: number;
  /** Met too when the stored size is this many times that of `gzip -6` at most, and the rate at least that. */
  readonly sizes?: readonly { readonly atMost: number; readonly target: number }[];
}

/** 60 raw files of one pod in one go, by a new process and by the same process again. */
export async function mergeOnePod(
  system: System,
  tables: Tables,
  work: string,
  corpusOptions: Partial<CorpusOptions>,
  goal: MergeGoal,
): Promise<void> {
  const corpus = makeCorpus({ ...ONE_POD, ...corpusOptions });
  await emptyBucket(system.s3);
  await upload(system.s3, corpus.objects);
  const merge = { kind: 'merge', pods: corpus.pods, concurrency: 1 } as const;
  const rounds = await several(system.repeat, async () => {
    await unmerge(system.s3);
    const { floor, got } = await besideFloor(() =>
      system.withWorker(async (run) => {
        const first = await run(merge);
        await unmerge(system.s3);
        return { first, warm: await run(merge) };
      }),
    );
    return { floor, ...got };
  });
  const merged = await mergedFilesOf(system.s3.store, corpus.pods);
  const { floor, first, warm } = medianBy(rounds, (round) => round.first.cpuSeconds * round.floor);
  const rateOf = (result: TaskResult): number => corpus.rawBytes / MB / result.cpuSeconds;
  tables.add('merge', {
    work,
    ...mergeCells(rateOf(first), floor, goal, merged),
    warmRate: rateOf(warm),
    wall: first.wallSeconds,
  });
  tables.add('stored', { work, ...storedCells(merged, first, corpus, corpusOptions.kubernetes !== true) });
  tables.add('processes', { work: `merge: ${work}`, ...processCells(first) });
}

/** Rate and verdict; where the target depends on the size, any of the pairs will do. */
export function mergeCells(rate: number, floor: number, goal: MergeGoal, merged: MergedFiles): Row {
  const cells = rateCells(rate, floor, goal);
  const storedToRecords = merged.storedBytes / merged.gzip6Bytes;
  if (goal.sizes === undefined) return { ...cells, storedToRecords };
  const pairs = goal.sizes;
  return {
    ...cells,
    storedToRecords,
    target: pairs.map(({ atMost, target }) => `${target.toString()} at ≤ ${atMost.toFixed(2)}`).join(', or '),
    targetHere: pairs.map(({ target }) => scaled(target, floor).toFixed(1)).join(' or '),
    met: yesNo(pairs.some(({ atMost, target }) => storedToRecords <= atMost && rate >= scaled(target, floor))),
  };
}

function storedCells(merged: MergedFiles, { writtenBytes }: TaskResult, corpus: Corpus, compareRaw: boolean): Row {
  const gzipped = compareRaw ? corpus.texts.reduce((sum, text) => sum + gzipSync(text).length, 0) : undefined;
  return {
    stored: merged.storedBytes / MB,
    storedToRecords: merged.storedBytes / merged.gzip6Bytes,
    storedToRaw: gzipped === undefined ? undefined : merged.storedBytes / gzipped,
    files: merged.files,
    amplification: writtenBytes / merged.storedBytes,
  };
}
