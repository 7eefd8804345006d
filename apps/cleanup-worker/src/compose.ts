import { openBucket } from '@cordwood/bucket';
import { Cleaner } from '@cordwood/compaction';
import { connectRedis, createCommitLocks, createQueues, exportQueueMetrics, startWorkers } from '@cordwood/queues';
import type { AppContext, Composed } from '@cordwood/service';
import { createCleanHandler } from './clean.ts';
import { type Config, retentionOf } from './config.ts';
import { createSweepHandler } from './sweep.ts';

/** Builds the worker, waits until S3 is there, and starts it. */
export async function compose(context: AppContext<Config>): Promise<Composed | undefined> {
  const { name, config, logger, metrics, health, shutdown, retryUntilReady } = context;
  const prefix = config.QUEUE_PREFIX;
  const connection = connectRedis({ target: config.REDIS_URL, logger, name });
  const bucket = openBucket(context, { commitGuard: createCommitLocks({ connection, prefix }) });
  const queues = createQueues({
    connection,
    prefix,
    logger,
    scheduleCheckMs: Math.min(config.SWEEP_INTERVAL, 30_000),
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
  const common = {
    store: bucket.store,
    metadata: bucket.metadata,
    cleanupDelay: config.CLEANUP_DELAY,
    orphanAge: config.ORPHAN_AGE,
    legacyNamespace: config.LEGACY_NAMESPACE,
    retention: retentionOf(config),
  };
  const cleaner = new Cleaner(common);

  // Before it is known how the store treats conditions, nothing may be written.
  if (!(await bucket.selfTest())) return undefined;
  const workers = startWorkers({
    connection,
    prefix,
    concurrency: config.CONCURRENCY,
    logger,
    metrics,
    handlers: {
      clean: createCleanHandler({ cleaner, metrics }),
      sweep: createSweepHandler({ ...common, interval: config.SWEEP_INTERVAL, queues, metrics }),
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
  await retryUntilReady('sweep schedule', () => queues.scheduleSweep(config.SWEEP_INTERVAL));
  return undefined;
}
