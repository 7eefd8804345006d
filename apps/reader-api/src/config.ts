import {
  compactionVariables,
  defineConfig,
  mergeRules,
  namespaceName,
  processVariables,
  serverVariables,
  storageVariables,
  variable,
} from '@cordwood/service';
import type { z } from 'zod';

const { REORDER_WINDOW, MAX_MESSAGE, MAX_RECORD } = compactionVariables;

/** The variables of reader-api. What is about merging must be as the workers have it: it decides the order of records. */
export const configSchema = defineConfig(
  {
    ...serverVariables,
    ...processVariables,
    ...storageVariables,
    REORDER_WINDOW,
    MAX_MESSAGE,
    MAX_RECORD,
    JOBS_NAMESPACE: variable(namespaceName().optional(), {
      description: 'Namespace that is meant where a request names none; unset: the only one that has the job.',
    }),
  },
  mergeRules,
);

export type ReaderConfig = z.output<typeof configSchema>;
