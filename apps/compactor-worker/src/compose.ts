import { createFindings, openBucket } from '@cordwood/bucket';
import { Compactor, limitsOfEach } from '@cordwood/compaction';
import {
  connectRedis,
  createBacklogRecord,
  createCommitLocks,
  createPodSchedule,
  createQueues,
  createScanPosition,
  exportQueueMetrics,
  startWorkers,
} from '@cordwood/queues';
import type { AppContext, Composed } from '@cordwood/service';
import { createBacklogMeter } from './backlog.ts';
import { createCompactHandler } from './compact.ts';
import type { Config } from './config.ts';
import { createScanHandler } from './scan.ts';

/** Builds the worker, waits until S3 and Redis are there, and starts it. */
export async function compose(context: AppContext<Config>): Promise<Composed | undefined> {
  const { name, config, logger, metrics, health, shutdown, retryUntilReady } = context;
  const prefix = config.QUEUE_PREFIX;
  const connection = connectRedis({ target: config.REDIS_URL, logger, name });
  const bucket = openBucket(context, { commitGuard: createCommitLocks({ connection, prefix }) });
  const queues = createQueues({
    connection,
    prefix,
    logger,
    // A schedule that Redis has lost is to be missed for no longer than a scan or two.
    scheduleCheckMs: Math.min(config.SCAN_INTERVAL, 30_000),
  });
  shutdown.add({
    name: 'redis',
    group: 'connections',
    run: async () => {
      await queues.close();
      await connection.close();
    },
  });
  health.addReadiness('redis', queues.check);
  exportQueueMetrics({ connection, queues, metrics });
  const podSchedule = createPodSchedule({ connection, prefix });
  const findings = createFindings({ logger, metrics });
  const compactor = new Compactor({
    store: bucket.store,
    metadata: bucket.metadata,
    reorderWindow: config.REORDER_WINDOW,
    mergedFileSize: config.MERGED_FILE_SIZE,
    maxRecord: config.MAX_RECORD,
    legacyNamespace: config.LEGACY_NAMESPACE,
    cleanupDelay: config.CLEANUP_DELAY,
    orphanAge: config.ORPHAN_AGE,
    limits: limitsOfEach(config.CONCURRENCY),
    onStray: findings.onStray,
    onDamage: findings.onDamage,
  });

  // Before it is known how the store treats conditions, nothing may be written.
  if (!(await bucket.selfTest())) return undefined;
  const workers = startWorkers({
    connection,
    prefix,
    concurrency: config.CONCURRENCY,
    logger,
    metrics,
    handlers: {
      scan: createScanHandler({
        store: bucket.store,
        queues,
        podSchedule,
        position: createScanPosition({ connection, prefix }),
        findings,
        metrics,
        countBacklog: createBacklogMeter({
          store: bucket.store,
          record: createBacklogRecord({ connection, prefix }),
          metrics,
        }),
        releaseAfterMs: config.COMPACTION_INTERVAL,
        patienceMs: config.SCAN_INTERVAL,
      }),
      compact: createCompactHandler({ compactor, queues, podSchedule, metrics, restMs: config.COMPACTION_INTERVAL }),
    },
  });
  shutdown.add({
    name: 'workers',
    group: 'work',
    run: async ({ timeoutMs }) => {
      await workers.close(timeoutMs);
    },
  });
  health.addLiveness('workers', workers.check);
  await retryUntilReady('scan schedule', () => queues.scheduleScan(config.SCAN_INTERVAL));
  return undefined;
}
