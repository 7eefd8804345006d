import { configSchema as cleanupWorker } from '@cordwood/cleanup-worker/src/config.ts';
import { configSchema as compactorWorker } from '@cordwood/compactor-worker/src/config.ts';
import { configSchema as cordwood } from '@cordwood/cli/src/config.ts';
import { configSchema as queueDashboard } from '@cordwood/queue-dashboard/src/config.ts';
import { configSchema as readerApi } from '@cordwood/reader-api/src/config.ts';
import { describeConfig, type VariableDescription } from '@cordwood/service';
import type { z } from 'zod';

/** The configuration of each app that runs in a cluster. */
export const APP_SCHEMAS: Readonly<Record<string, z.ZodObject>> = {
  'compactor-worker': compactorWorker,
  'cleanup-worker': cleanupWorker,
  'reader-api': readerApi,
  'queue-dashboard': queueDashboard,
};

/** The configuration of commands that run in a cluster as Jobs, by the workload's name. */
export const JOB_SCHEMAS: Readonly<Record<string, z.ZodObject>> = { doctor: cordwood, 'doctor-repair': cordwood };

/** The variables of each app, in the order of their declaration. */
export const APP_CONFIGS: Readonly<Record<string, readonly VariableDescription[]>> = Object.fromEntries(
  Object.entries(APP_SCHEMAS).map(([app, schema]) => [app, describeConfig(schema)]),
);
