import { makeCorpus, ONE_POD } from '../corpora.ts';
import { besideFloor } from '../floor.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { MB, medianBy, several } from '../statistics.ts';
import type { System } from '../system.ts';
import { yesNo } from '../verdict.ts';
import { mergeCells } from './merge.ts';
import { mergedFilesOf } from './merged-files.ts';

const FILES_PER_RUN = 6;
const GOAL = { reference: 6.7, target: 55 };
const MOST_AMPLIFICATION = 2;

/** The one-pod corpus, merged in ten runs by one process: as in production, where a worker lives long and a log comes bit by bit. */
export async function mergeInRuns(system: System, tables: Tables): Promise<void> {
  const { objects, pods, rawBytes } = makeCorpus(ONE_POD);
  const rounds = await several(system.repeat, async () => {
    await emptyBucket(system.s3);
    const { floor, got } = await besideFloor(() =>
      system.withWorker(async (run) => {
        let cpuSeconds = 0;
        let wallSeconds = 0;
        let writtenBytes = 0;
        for (let from = 0; from < objects.length; from += FILES_PER_RUN) {
          await upload(system.s3, objects.slice(from, from + FILES_PER_RUN));
          const result = await run({ kind: 'merge', pods, concurrency: 1 });
          cpuSeconds += result.cpuSeconds;
          wallSeconds += result.wallSeconds;
          writtenBytes += result.writtenBytes;
        }
        return { cpuSeconds, wallSeconds, writtenBytes };
      }),
    );
    return { floor, ...got };
  });
  const { floor, cpuSeconds, wallSeconds, writtenBytes } = medianBy(rounds, (round) => round.cpuSeconds * round.floor);
  const merged = await mergedFilesOf(system.s3.store, pods);
  const work = 'the same hour in ten runs of 6 files';
  const amplification = writtenBytes / merged.storedBytes;
  tables.add('merge', {
    work,
    ...mergeCells(rawBytes / MB / cpuSeconds, floor, GOAL, merged),
    wall: wallSeconds,
  });
  tables.add('stored', {
    work,
    stored: merged.storedBytes / MB,
    storedToRecords: merged.storedBytes / merged.gzip6Bytes,
    files: merged.files,
    amplification,
    target: `≤ ${MOST_AMPLIFICATION.toString()} written / kept`,
    met: yesNo(amplification <= MOST_AMPLIFICATION),
  });
}
