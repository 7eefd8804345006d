import { configSchema as cleanupWorker } from '@cordwood/cleanup-worker/src/config.ts';
import { configSchema as compactorWorker } from '@cordwood/compactor-worker/src/config.ts';
import { configSchema as readerApi } from '@cordwood/reader-api/src/config.ts';
import { describeConfig, type VariableDescription } from '@cordwood/service';

/** The variables of each app that runs in a cluster, in the order of their declaration. */
export const APP_CONFIGS: Readonly<Record<string, readonly VariableDescription[]>> = {
  'compactor-worker': describeConfig(compactorWorker),
  'cleanup-worker': describeConfig(cleanupWorker),
  'reader-api': describeConfig(readerApi),
};
