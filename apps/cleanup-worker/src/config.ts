import type { RetentionOptions } from '@cordwood/compaction';
import {
  cleanupRules,
  compactionVariables,
  defineConfig,
  processVariables,
  queueVariables,
  type RetentionConfig,
  retentionVariables,
  storageVariables,
} from '@cordwood/service';
import type { z } from 'zod';

const { CLEANUP_DELAY, ORPHAN_AGE, CONCURRENCY } = compactionVariables;

/** The environment of the cleanup worker. */
export const configSchema = defineConfig(
  {
    ...processVariables,
    ...storageVariables,
    ...queueVariables,
    CLEANUP_DELAY,
    ORPHAN_AGE,
    CONCURRENCY,
    ...retentionVariables,
  },
  cleanupRules,
);
export type Config = z.output<typeof configSchema>;

/** What of it a dry run needs. */
export const dryRunSchema = defineConfig({ ...storageVariables, ...retentionVariables });

/** What is deleted by age, as the environment says. */
export const retentionOf = (config: RetentionConfig): RetentionOptions => ({
  rules: { byNamespace: config.RETENTION_BY_NAMESPACE ?? [], otherwise: config.RETENTION.keepMs },
  tombstoneAge: config.TOMBSTONE_AGE,
});
