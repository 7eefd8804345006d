import {
  cleanupRules,
  compactionVariables,
  defineConfig,
  mergeRules,
  processVariables,
  queueVariables,
  storageVariables,
} from '@cordwood/service';
import type { z } from 'zod';

/** The environment of the compactor worker. */
export const configSchema = defineConfig(
  { ...processVariables, ...storageVariables, ...queueVariables, ...compactionVariables },
  [...cleanupRules, ...mergeRules],
);
export type Config = z.output<typeof configSchema>;
