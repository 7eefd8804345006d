import { makeCorpus, ONE_POD, renamed } from '../corpora.ts';
import { besideFloor } from '../floor.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { MB } from '../statistics.ts';
import type { System } from '../system.ts';
import { processCells } from './process-cells.ts';

const CASES = [
  { concurrency: 1, pods: 3, targetMb: 180 },
  { concurrency: 8, pods: 8, targetMb: 300 },
];

/** A compactor-worker as in its image that merges pods of 60 MB, one and eight at a time; and one that has nothing to do. */
export async function workerMemory(system: System, tables: Tables): Promise<void> {
  await emptyBucket(system.s3);
  await system.withApp('compactor-worker', await env(system, 1), async (app) => {
    await app.logged('bucket scanned', 2);
    tables.add('processes', { work: 'compactor-worker: nothing to do', ...processCells(await app.measured()) });
  });
  const { objects, pods, rawBytes } = makeCorpus(ONE_POD);
  const [pod = ''] = pods;
  for (const { concurrency, pods: count, targetMb } of CASES) {
    await emptyBucket(system.s3);
    for (let i = 0; i < count; i++) await upload(system.s3, renamed(objects, pod, `${pod}-${i.toString()}`));
    const { floor, got } = await besideFloor(async () =>
      system.withApp('compactor-worker', await env(system, concurrency), async (app) => {
        await app.measured();
        const merges = await app.logged('pod compacted', count);
        const files = merges.reduce((sum, { rawFiles }) => sum + Number(rawFiles), 0);
        if (files !== count * objects.length) throw new Error(`${files.toString()} raw files were merged`);
        return app.measured();
      }),
    );
    const rate = (rawBytes * count) / MB / got.cpuSeconds;
    const work = `compactor-worker: ${count.toString()} pods of 60 MB, CONCURRENCY=${concurrency.toString()}`;
    tables.add('processes', { work, ...processCells(got, targetMb) });
    tables.add('merge', { work, rate, floor, wall: got.wallSeconds });
  }
}

/** A part of Redis that nobody else has, and a scan at once. */
let runs = 0;
const env = async (system: System, concurrency: number): Promise<Record<string, string>> => ({
  REDIS_URL: await system.redisUrl(),
  QUEUE_PREFIX: `{bench-${(runs++).toString()}}`,
  SCAN_INTERVAL: '1s',
  CONCURRENCY: concurrency.toString(),
});
