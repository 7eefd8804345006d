import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import {
  boolean,
  bucketName,
  byteSize,
  duration,
  keyPrefix,
  listenAddress,
  logLevel,
  namespaceName,
  port,
  positiveInteger,
  queuePrefix,
  redisUrl,
  retention,
  retentionByNamespace,
  variable,
  wholeNumber,
} from './config-blocks.ts';
import type { Rule } from './config.ts';

/** What every process has. */
export const processVariables = {
  METRICS_PORT: variable(port().prefault('9090'), {
    description: 'Port of /healthz, /readyz and /metrics.',
    default: '9090',
  }),
  LOG_LEVEL: variable(logLevel().prefault('info'), { description: 'How much is logged.', default: 'info' }),
  SHUTDOWN_TIMEOUT: variable(duration({ min: '1s' }).prefault('25s'), {
    description: 'How long running work may take to finish after SIGTERM; less than Kubernetes’ grace period.',
    default: '25s',
  }),
};

/** Processes that serve HTTP to others. */
export const serverVariables = {
  PORT: variable(port().prefault('8080'), {
    description: 'Port of the HTTP API, or of the dashboard.',
    default: '8080',
  }),
  HOST: variable(listenAddress().optional(), {
    description: 'Address to listen on there.',
    default: 'all, but loopback alone while AUTH_MODE is not set',
  }),
  TRUST_PROXY: variable(wholeNumber({ max: '100' }).prefault('0'), {
    description: 'Proxies before it that append to X-Forwarded-For; 0: the header is not looked at.',
    default: '0',
  }),
};

/** Where the logs are. How to reach S3 besides is the AWS SDK's own environment (`AWS_*`). */
export const storageVariables = {
  LOGS_BUCKET: variable(bucketName().prefault('logs'), { description: 'Bucket with the logs.', default: 'logs' }),
  BUCKET_PREFIX: variable(keyPrefix().prefault(''), {
    description: 'Start of every key, for a bucket that is shared; a trailing slash is added.',
    default: '',
  }),
  S3_FORCE_PATH_STYLE: variable(boolean().prefault('false'), {
    description: 'Put the bucket into the path, not the host name; most S3-compatible stores need it.',
    default: 'false',
  }),
  LEGACY_NAMESPACE: variable(namespaceName().optional(), {
    description: 'Namespace of log files that name none (written by the Python reference).',
  }),
};

/** Where the queues are. */
export const queueVariables = {
  REDIS_URL: variable(redisUrl().prefault('redis://127.0.0.1:6379'), {
    description:
      'Redis: redis://, rediss://, redis+sentinel://host,host/master (a password of the Sentinels: ?sentinelPassword=…), redis+cluster://host,host.',
    default: 'redis://127.0.0.1:6379',
    secret: 'url-password',
  }),
  QUEUE_PREFIX: variable(queuePrefix().prefault('{cordwood}'), {
    description: 'Start of every key in Redis; the braces keep them in one slot of a Cluster.',
    default: '{cordwood}',
  }),
};

/** How merging and cleaning go about. Pick what an app needs: `const { CLEANUP_DELAY, ORPHAN_AGE } = compactionVariables`. */
export const compactionVariables = {
  SCAN_INTERVAL: variable(duration({ min: '1s' }).prefault('1m'), {
    description: 'How often the bucket is searched for pods with new raw files.',
    default: '1m',
  }),
  COMPACTION_INTERVAL: variable(duration({ min: '1s' }).prefault('1h'), {
    description: 'How long a pod rests after a merge.',
    default: '1h',
  }),
  CLEANUP_DELAY: variable(duration({ min: '1s' }).prefault('15m'), {
    description: 'How long merged raw files and replaced merged files are kept.',
    default: '15m',
  }),
  ORPHAN_AGE: variable(duration({ min: '1s' }).prefault('6h'), {
    description: 'Age from which a merged file that no metadata lists is deleted.',
    default: '6h',
  }),
  REORDER_WINDOW: variable(duration().prefault('10s'), {
    description: 'How far apart in time records may stand in files and still keep the files’ order.',
    default: '10s',
  }),
  MERGED_FILE_SIZE: variable(byteSize({ min: '1KiB', max: '1GiB' }).prefault('10MiB'), {
    description: 'Uncompressed size at which a merged file is closed.',
    default: '10MiB',
  }),
  MAX_MESSAGE: variable(byteSize({ min: '1KiB', max: '1GiB' }).prefault('1MiB'), {
    description: 'Size up to which the parts of a split line are joined.',
    default: '1MiB',
  }),
  MAX_RECORD: variable(byteSize({ min: '1KiB', max: '1GiB' }).prefault('16MiB'), {
    description: 'Size beyond which a raw line is set aside as damaged.',
    default: '16MiB',
  }),
  CONCURRENCY: variable(
    positiveInteger({ max: '1000' }).prefault(() => String(availableParallelism())),
    {
      description: 'Jobs that one process works on at a time.',
      default: 'number of cores',
    },
  ),
};

/** What is deleted because of its age, and how often that is looked for. */
export const retentionVariables = {
  RETENTION: variable(retention().prefault('off'), {
    description: 'How long after its last record the log of a container instance is deleted; off: never.',
    default: 'off',
  }),
  RETENTION_BY_NAMESPACE: variable(retentionByNamespace().optional(), {
    description: 'The same for namespaces, the first that fits counts, else RETENTION: dev-*=7d,prod=off.',
  }),
  TOMBSTONE_AGE: variable(duration({ min: '1s' }).prefault('7d'), {
    description: 'How long a deleted log is remembered, so that its last files do not bring a part of it back.',
    default: '7d',
  }),
  SWEEP_INTERVAL: variable(duration({ min: '1s' }).prefault('1d'), {
    description:
      'How often all pod metadata is looked through for logs to delete, and for leftovers that no queue knows of.',
    default: '1d',
  }),
};

type Values<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;
export type ProcessConfig = Values<typeof processVariables>;
export type ServerConfig = Values<typeof serverVariables>;
export type StorageConfig = Values<typeof storageVariables>;
export type QueueConfig = Values<typeof queueVariables>;
export type RetentionConfig = Values<typeof retentionVariables>;
export type CompactionConfig = Values<typeof compactionVariables>;

/** For apps that delete: a merge in flight must have had time to list its files before they count as orphans. */
export const cleanupRules: readonly Rule<Pick<CompactionConfig, 'ORPHAN_AGE' | 'CLEANUP_DELAY'>, 'ORPHAN_AGE'>[] = [
  {
    variable: 'ORPHAN_AGE',
    check: (config) => (config.ORPHAN_AGE > config.CLEANUP_DELAY ? undefined : 'more than CLEANUP_DELAY is allowed'),
  },
];

/** For apps that merge: a line that would be set aside as damaged could never be joined. */
export const mergeRules: readonly Rule<Pick<CompactionConfig, 'MAX_RECORD' | 'MAX_MESSAGE'>, 'MAX_RECORD'>[] = [
  {
    variable: 'MAX_RECORD',
    check: (config) => (config.MAX_RECORD >= config.MAX_MESSAGE ? undefined : 'MAX_MESSAGE or more is allowed'),
  },
];
