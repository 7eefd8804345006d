import { createFindings, openBucket } from '@cordwood/bucket';
import { Cleaner } from '@cordwood/compaction';
import { connectRedis, startWorkers } from '@cordwood/queues';
import type { AppContext, Composed } from '@cordwood/service';
import { createCleanHandler } from './clean.ts';
import type { Config } from './config.ts';

/** Builds the worker, waits until S3 is there, and starts it. */
export async function compose(context: AppContext<Config>): Promise<Composed | undefined> {
  const { name, config, logger, metrics, health, shutdown } = context;
  const bucket = openBucket(context);
  const connection = connectRedis({ target: config.REDIS_URL, logger, name });
  shutdown.add({ name: 'redis', group: 'connections', run: () => connection.close() });
  health.addReadiness('redis', connection.ping);
  const cleaner = new Cleaner({
    store: bucket.store,
    metadata: bucket.metadata,
    cleanupDelay: config.CLEANUP_DELAY,
    orphanAge: config.ORPHAN_AGE,
    onStray: createFindings({ logger, metrics }).onStray,
  });

  // Before it is known how the store treats conditions, nothing may be written.
  if (!(await bucket.selfTest())) return undefined;
  const workers = startWorkers({
    connection,
    prefix: config.QUEUE_PREFIX,
    concurrency: config.CONCURRENCY,
    logger,
    metrics,
    handlers: { clean: createCleanHandler({ cleaner, metrics }) },
  });
  shutdown.add({
    name: 'workers',
    group: 'work',
    run: async ({ timeoutMs }) => {
      await workers.close(timeoutMs);
    },
  });
  health.addLiveness('workers', workers.check);
  return undefined;
}
