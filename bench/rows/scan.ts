import { connectRedis, createPodSchedule } from '@cordwood/queues';
import { createLogger, parseRedisUrl } from '@cordwood/service';
import { corpus } from '../corpus.ts';
import { podOf } from '../corpora.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { median } from '../statistics.ts';
import type { RunningApp, System } from '../system.ts';
import { yesNo } from '../verdict.ts';
import { processCells } from './process-cells.ts';

const PODS = 2_000;
const TARGET_SECONDS = 0.1;
const RESTS_MS = 3_600_000;
const WARM_UP = 3;
const SCANS = 10;
const PREFIX = '{cordwood}';

/** Scans of 2,000 pods with raw files, none of which is due: by a compactor-worker with its queues, every second. */
export async function scanPods(system: System, tables: Tables): Promise<void> {
  await emptyBucket(system.s3);
  const objects = [...corpus({ pods: PODS, filesPerPod: 1, fileBytes: 200 })];
  await upload(system.s3, objects);
  const redisUrl = await system.redisUrl();
  await rest(redisUrl, objects.map(podOf));
  await system.withApp('compactor-worker', { REDIS_URL: redisUrl, SCAN_INTERVAL: '1s' }, async (app) => {
    await app.logged('bucket scanned', WARM_UP);
    const before = await requestsOf(app);
    await app.measured();
    const scans = (await app.logged('bucket scanned', WARM_UP + SCANS)).slice(WARM_UP, WARM_UP + SCANS);
    const measured = await app.measured();
    const after = await requestsOf(app);

    for (const { pods, due } of scans) {
      if (pods !== PODS || due !== 0) throw new Error(`${String(pods)} pods, ${String(due)} of them due`);
    }
    const seconds = scans.map(({ durationMs }) => Number(durationMs) / 1e3);
    const middle = median(seconds);
    const work = `scan of ${PODS.toString()} pods, nothing due`;
    tables.add('times', {
      work,
      seconds: middle,
      fastest: Math.min(...seconds),
      slowest: Math.max(...seconds),
      cpuMs: (measured.cpuSeconds / SCANS) * 1e3,
      reference: 2,
      target: TARGET_SECONDS,
      met: yesNo(middle <= TARGET_SECONDS),
      note: 'in a compactor-worker, Redis included',
    });
    const perScan = (kind: string): number => ((after.get(kind) ?? 0) - (before.get(kind) ?? 0)) / SCANS;
    const kinds = [...after.keys()].filter((kind) => perScan(kind) > 0);
    const gets = perScan('GetObject');
    tables.add('requests', {
      work,
      requests: kinds.reduce((sum, kind) => sum + perScan(kind), 0),
      reference: '2,000 GET, 2 LIST',
      target: '0 GET, 2 LIST',
      met: yesNo(gets === 0),
      kinds: ['GetObject', ...kinds.filter((kind) => kind !== 'GetObject')]
        .map((kind) => `${Number(perScan(kind).toFixed(1)).toString()} ${kind}`)
        .join(', '),
    });
    tables.add('processes', { work: `compactor-worker: ${work}`, ...processCells(measured) });
  });
}

/** Lets Redis remember that the pods rest, as it does after a merge. */
async function rest(redisUrl: string, pods: readonly string[]): Promise<void> {
  const logger = createLogger({ app: 'bench', level: 'error' });
  const target = parseRedisUrl(redisUrl);
  if (target === undefined) throw new Error(`${redisUrl} is no URL of Redis`);
  const connection = connectRedis({ target, logger, name: 'bench' });
  const schedule = createPodSchedule({ connection, prefix: PREFIX });
  for (const pod of pods) await schedule.decided(pod, RESTS_MS);
  await connection.close();
}

/** Requests to S3 so far, by kind: what the app tells Prometheus. */
async function requestsOf(app: RunningApp): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${String(app.ports['metrics'])}/metrics`);
  const counts = new Map<string, number>();
  for (const [, kind = '', count] of (await answer.text()).matchAll(
    /^cordwood_s3_requests_total\{[^}]*operation="(\w+)"[^}]*\} (\d+)$/gm,
  )) {
    counts.set(kind, (counts.get(kind) ?? 0) + Number(count));
  }
  return counts;
}
