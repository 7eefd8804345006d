import {
  cleanupRules,
  compactionVariables,
  defineConfig,
  processVariables,
  queueVariables,
  storageVariables,
} from '@cordwood/service';
import type { z } from 'zod';

const { CLEANUP_DELAY, ORPHAN_AGE, CONCURRENCY } = compactionVariables;

/** The environment of the cleanup worker. */
export const schema = defineConfig(
  { ...processVariables, ...storageVariables, ...queueVariables, CLEANUP_DELAY, ORPHAN_AGE, CONCURRENCY },
  cleanupRules,
);
export type Config = z.output<typeof schema>;
