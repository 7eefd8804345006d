import { makeCorpus, ONE_POD } from '../corpora.ts';
import type { CorpusOptions } from '../corpus.ts';
import { canBeDelayed, startLatencyProxy } from '../latency-proxy.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { median } from '../statistics.ts';
import type { System } from '../system.ts';

const LATENCY_MS = 10;
const TIMES = 5;
/** Some hours of a job that does not write much. */
const SMALL_FILES: CorpusOptions = { pods: 1, filesPerPod: 240, fileBytes: 100_000 };

interface Log {
  readonly work: string;
  readonly corpus: CorpusOptions;
  readonly merged?: boolean;
}

const LOGS: readonly Log[] = [
  { work: 'read 60 MB, merged', corpus: ONE_POD, merged: true },
  { work: 'read 60 raw files of 1 MB', corpus: ONE_POD },
  { work: 'read 240 raw files of 100 KB', corpus: SMALL_FILES },
];

/** The wall time of whole logs, read by the library, when each request takes its time; with files that are read ahead and, beside it, without. */
export async function readWithLatency(system: System, tables: Tables): Promise<void> {
  for (const { work, corpus, merged = false } of LOGS) {
    const row = `${work}, ${LATENCY_MS.toString()} ms per request`;
    if (!canBeDelayed(system.s3.endpoint)) {
      tables.add('times', { work: row, note: 'not measured: the store is not reached by plain http' });
      continue;
    }
    const { objects, pods } = makeCorpus(corpus);
    await emptyBucket(system.s3);
    await upload(system.s3, objects);
    if (merged) await system.withWorker((run) => run({ kind: 'merge', pods, concurrency: 1 }));
    const proxy = await startLatencyProxy(system.s3.endpoint, LATENCY_MS);
    try {
      const { ahead, inTurn, cpuMs } = await timesOf(system, pods, proxy.endpoint);
      tables.add('times', {
        work: row,
        seconds: median(ahead),
        fastest: Math.min(...ahead),
        slowest: Math.max(...ahead),
        cpuMs,
        note: `${median(inTurn).toFixed(3)} s without reading ahead`,
      });
    } finally {
      await proxy.stop();
    }
  }
}

/** Seconds of reads by a process that is warm: of both kinds, one after the other. */
async function timesOf(
  system: System,
  pods: readonly string[],
  endpoint: string,
): Promise<{ readonly ahead: readonly number[]; readonly inTurn: readonly number[]; readonly cpuMs: number }> {
  return system.withWorker(
    async (run) => {
      await run({ kind: 'read', pods });
      const ahead: number[] = [];
      const inTurn: number[] = [];
      let cpuSeconds = 0;
      for (let time = 0; time < TIMES; time++) {
        const read = await run({ kind: 'read', pods });
        ahead.push(read.wallSeconds);
        cpuSeconds += read.cpuSeconds;
        inTurn.push((await run({ kind: 'read', pods, readAhead: 0 })).wallSeconds);
      }
      return { ahead, inTurn, cpuMs: (cpuSeconds / TIMES) * 1e3 };
    },
    { AWS_ENDPOINT_URL_S3: endpoint },
  );
}
