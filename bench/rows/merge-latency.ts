import { compactionVariables } from '@cordwood/service';
import { makeCorpus, MANY_PODS } from '../corpora.ts';
import { canBeDelayed, startLatencyProxy } from '../latency-proxy.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, unmerge, upload } from '../s3.ts';
import type { System } from '../system.ts';
import { yesNo } from '../verdict.ts';

const LATENCY_MS = 10;
const TARGET_SECONDS = 6;
/** The figure is of a worker that does as many pods at a time as this. */
const CONCURRENCY = 8;

/** The wall time of many small pods when each request takes its time, with `CONCURRENCY=8` and with what it is by default. */
export async function mergeWithLatency(system: System, tables: Tables): Promise<void> {
  const work = `merge 200 pods x 10 files, ${LATENCY_MS.toString()} ms per request`;
  if (!canBeDelayed(system.s3.endpoint)) {
    tables.add('times', { work, note: 'not measured: the store is not reached by plain http' });
    return;
  }
  const { objects, pods } = makeCorpus(MANY_PODS);
  await emptyBucket(system.s3);
  await upload(system.s3, objects);
  const byDefault = compactionVariables.CONCURRENCY.parse(undefined);
  for (const concurrency of new Set([CONCURRENCY, byDefault])) {
    await unmerge(system.s3);
    const proxy = await startLatencyProxy(system.s3.endpoint, LATENCY_MS);
    try {
      const result = await system.withWorker((run) => run({ kind: 'merge', pods, concurrency }), {
        AWS_ENDPOINT_URL_S3: proxy.endpoint,
      });
      const isDefault = concurrency === byDefault ? ' (the default here)' : '';
      tables.add('times', {
        work: `${work}, CONCURRENCY=${concurrency.toString()}${isDefault}`,
        seconds: result.wallSeconds,
        cpuMs: result.cpuSeconds * 1e3,
        ...(concurrency === CONCURRENCY && {
          reference: 45,
          target: TARGET_SECONDS,
          met: yesNo(result.wallSeconds <= TARGET_SECONDS),
        }),
        note: `once; ${proxy.mostConnections().toString()} connections at most`,
      });
    } finally {
      await proxy.stop();
    }
  }
}
