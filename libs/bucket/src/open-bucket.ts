import {
  commitsSafely,
  createS3ObjectStore,
  MetadataStore,
  type ObjectStore,
  PrefixedObjectStore,
} from '@cordwood/log-store';
import type { AppContext, Logger, Metrics, StorageConfig } from '@cordwood/service';
import { countRequests } from './requests.ts';

/** The logs' part of the bucket, as a process works with it. */
export interface Bucket {
  /** Everything below `BUCKET_PREFIX`. */
  readonly store: ObjectStore;
  readonly metadata: MetadataStore;
  /**
   * Finds out how the store treats conditions, and tries until it gets there (/readyz says 503 until then). Nothing may be
   * written before. False when the process stops first.
   */
  selfTest(): Promise<boolean>;
}

/** How often a readiness probe may ask the store, in ms: a listing costs money. */
const ASK_AGAIN_MS = 5_000;

/** Builds the client for the bucket of the configuration, with metrics, health checks and shutdown. Sends nothing yet. */
export function openBucket(context: AppContext<StorageConfig>): Bucket {
  const { config, logger, metrics, health, shutdown, retryUntilReady } = context;
  const s3 = createS3ObjectStore({
    bucket: config.LOGS_BUCKET,
    forcePathStyle: config.S3_FORCE_PATH_STYLE,
    onRequest: countRequests(metrics),
  });
  shutdown.add({ name: 's3', group: 'connections', run: () => s3.close() });
  const store = new PrefixedObjectStore(s3, config.BUCKET_PREFIX);
  health.addReadiness('s3', answers(store));
  return {
    store,
    metadata: new MetadataStore(store),
    selfTest: async () => {
      const dialect = await retryUntilReady('s3 self-test', () => s3.probe(config.BUCKET_PREFIX));
      if (dialect === undefined) return false;
      logger.info('store self-test', { bucket: config.LOGS_BUCKET, ...dialect });
      const safe = commitsSafely(dialect);
      reportConditionalWrites(safe, { logger, metrics });
      // A check that always holds: its name is what /readyz has to say.
      if (!safe)
        health.addReadiness('conditional writes are NOT honoured by this store: run one replica only', () => undefined);
      return true;
    },
  };
}

function reportConditionalWrites(safe: boolean, { logger, metrics }: { logger: Logger; metrics: Metrics }): void {
  metrics
    .gauge({
      name: 'cordwood_conditional_writes',
      help: 'Whether the store honours conditional writes, which keep concurrent workers from losing records: 1 or 0.',
    })
    .set(safe ? 1 : 0);
  if (safe) return;
  logger.error(
    'THE STORE DOES NOT HONOUR CONDITIONAL WRITES: two workers at the same pod could lose records. Run one replica of each worker; ' +
      'this version does not guard commits with a lock in Redis yet.',
  );
}

/** A health check: the bucket can be listed. */
function answers(store: ObjectStore): (signal: AbortSignal) => Promise<void> {
  let goodUntil = 0;
  return async (signal) => {
    if (performance.now() < goodUntil) return;
    goodUntil = 0;
    for await (const _page of store.list({ prefix: 'metadata/', pageSize: 1, signal })) break;
    goodUntil = performance.now() + ASK_AGAIN_MS;
  };
}
