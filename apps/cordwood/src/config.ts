import { cleanupRules, compactionVariables, defineConfig, storageVariables } from '@cordwood/service';
import type { z } from 'zod';

const { CLEANUP_DELAY, ORPHAN_AGE, REORDER_WINDOW, MERGED_FILE_SIZE, MAX_RECORD } = compactionVariables;

/** The environment of commands that work on the bucket: as the workers have it. */
export const configSchema = defineConfig(
  { ...storageVariables, CLEANUP_DELAY, ORPHAN_AGE, REORDER_WINDOW, MERGED_FILE_SIZE, MAX_RECORD },
  cleanupRules,
);
export type Config = z.output<typeof configSchema>;
