import { makeCorpus, MANY_PODS } from '../corpora.ts';
import { besideFloor } from '../floor.ts';
import type { TaskResult } from '../process/task.ts';
import type { Row } from '../report/table.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, unmerge, upload } from '../s3.ts';
import { MB, medianBy, several } from '../statistics.ts';
import type { System } from '../system.ts';
import { yesNo } from '../verdict.ts';
import { mergeCells } from './merge.ts';
import { mergedFilesOf } from './merged-files.ts';
import { processCells } from './process-cells.ts';

const WORK = '200 pods x 10 files of 50 KB';
const GOAL = { reference: 9, target: 30 };
const CONCURRENCY = 2;

/** Many small pods: CPU per byte, and requests per pod for merging and cleaning. */
export async function mergeManyPods(system: System, tables: Tables): Promise<void> {
  const { objects, pods, rawBytes } = makeCorpus(MANY_PODS);
  await emptyBucket(system.s3);
  await upload(system.s3, objects);
  const rounds = await several(system.repeat, async () => {
    await unmerge(system.s3);
    const { floor, got } = await besideFloor(() =>
      system.withWorker((run) => run({ kind: 'merge', pods, concurrency: CONCURRENCY })),
    );
    return { floor, result: got };
  });
  const { floor, result } = medianBy(rounds, (round) => round.result.cpuSeconds * round.floor);
  const merged = await mergedFilesOf(system.s3.store, pods);
  const cleaned = await system.withWorker((run) => run({ kind: 'clean', pods, concurrency: CONCURRENCY }));

  tables.add('merge', {
    work: WORK,
    ...mergeCells(rawBytes / MB / result.cpuSeconds, floor, GOAL, merged),
    wall: result.wallSeconds,
  });
  tables.add('stored', {
    work: WORK,
    stored: merged.storedBytes / MB,
    storedToRecords: merged.storedBytes / merged.gzip6Bytes,
    files: merged.files,
    amplification: result.writtenBytes / merged.storedBytes,
  });
  tables.add('requests', { work: 'merge 10 raw files of a pod', ...requestCells(result, pods.length, 16, 15) });
  tables.add('requests', { work: 'clean 10 raw files of a pod', ...requestCells(cleaned, pods.length, 17, 5) });
  tables.add('processes', { work: `merge: ${WORK}`, ...processCells(result) });
  tables.add('processes', { work: `clean: ${WORK}`, ...processCells(cleaned) });
}

function requestCells({ requests }: TaskResult, pods: number, reference: number, target: number): Row {
  const perPod = Object.entries(requests).map(([kind, count]) => ({ kind, count: count / pods }));
  const all = perPod.reduce((sum, { count }) => sum + count, 0);
  return {
    requests: all,
    reference,
    target: `≤ ${target.toString()}`,
    // As it is shown: a look for the reference's files, once a minute and process, is no pod's.
    met: yesNo(Number(all.toFixed(1)) <= target),
    kinds: perPod
      .toSorted((a, b) => b.count - a.count)
      .map(({ kind, count }) => `${Number(count.toFixed(2)).toString()} ${kind}`)
      .join(', '),
  };
}
