import {
  type CommitGuard,
  commitsSafely,
  createS3ObjectStore,
  MetadataStore,
  type ObjectStore,
  PrefixedObjectStore,
  type S3ClientOptions,
  StoreError,
} from '@cordwood/log-store';
import type { AppContext, CheckDetails, Logger, Metrics, StorageConfig } from '@cordwood/service';
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
  /**
   * Whether the store sees to it that of two commits one is lost. Finds it out at the first call, for processes that seldom write and wait for
   * nothing at their start. Rejects with a StoreError; the next call tries again.
   */
  readonly commitsSafely: () => Promise<boolean>;
}

/** How often a readiness probe may ask the store, in ms: a listing costs money. */
const ASK_AGAIN_MS = 5_000;

export interface OpenBucketOptions {
  /**
   * Guards commits where the self-test finds that the store does not honour conditional writes. Without one nothing can be
   * committed there: for processes that only read.
   */
  readonly commitGuard?: CommitGuard;
  /** Where the process needs other limits than the client's own. */
  readonly client?: Pick<S3ClientOptions, 'maxSockets' | 'maxAttempts'>;
}

/** Builds the client for the bucket of the configuration, with metrics, health checks and shutdown. Sends nothing yet. */
export function openBucket(
  context: AppContext<StorageConfig>,
  { commitGuard, client }: OpenBucketOptions = {},
): Bucket {
  const { config, logger, metrics, health, shutdown, retryUntilReady } = context;
  const s3 = createS3ObjectStore({
    bucket: config.LOGS_BUCKET,
    forcePathStyle: config.S3_FORCE_PATH_STYLE,
    onRequest: countRequests(metrics),
    ...client,
  });
  shutdown.add({ name: 's3', group: 'connections', run: () => s3.close() });
  const store = new PrefixedObjectStore(s3, config.BUCKET_PREFIX);
  let details: CheckDetails | undefined;
  health.addReadiness('s3', answers(store), { details: () => details });

  const guard = () => {
    if (commitsSafely(s3.dialect)) return undefined;
    if (commitGuard !== undefined) return commitGuard;
    throw new StoreError('the store does not honour conditional writes, and nothing guards commits here', {
      operation: 'commit',
      bucket: store.bucket,
    });
  };
  let probed: Promise<boolean> | undefined;
  const probe = async (): Promise<boolean> => {
    const dialect = await s3.probe(config.BUCKET_PREFIX);
    logger.info('store self-test', { bucket: config.LOGS_BUCKET, ...dialect });
    return commitsSafely(dialect);
  };
  return {
    commitsSafely: async () => {
      probed ??= probe();
      try {
        return await probed;
      } catch (error) {
        probed = undefined;
        throw error;
      }
    },
    store,
    metadata: new MetadataStore(store, guard),
    selfTest: async () => {
      const dialect = await retryUntilReady('s3 self-test', () => s3.probe(config.BUCKET_PREFIX));
      if (dialect === undefined) return false;
      logger.info('store self-test', { bucket: config.LOGS_BUCKET, ...dialect });
      const { conditionalCreate, conditionalReplace, conditionalBatchDelete } = dialect;
      const isSafe = commitsSafely(dialect);
      details = {
        ...{ conditionalCreate, conditionalReplace, conditionalBatchDelete },
        commits: isSafe ? 'by conditional writes' : GUARDED,
      };
      reportConditionalWrites(isSafe, { logger, metrics });
      return true;
    },
  };
}

const GUARDED = 'guarded by a lock in Redis: run one replica of each worker';

function reportConditionalWrites(isSafe: boolean, { logger, metrics }: { logger: Logger; metrics: Metrics }): void {
  metrics
    .gauge({
      name: 'cordwood_conditional_writes',
      help: 'Whether the store honours conditional writes, which keep concurrent workers from losing records: 1 or 0.',
    })
    .set(isSafe ? 1 : 0);
  if (isSafe) return;
  logger.error(
    'THE STORE DOES NOT HONOUR CONDITIONAL WRITES: commits are guarded by a lock in Redis, which is weaker. ' +
      'Run one replica of each worker, or use another store.',
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
