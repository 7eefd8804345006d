import { createFindings, openBucket } from '@cordwood/bucket';
import { LogReader } from '@cordwood/log-store';
import { type AppContext, type Composed, startServer } from '@cordwood/service';
import { createApp } from './app.ts';
import type { ReaderConfig } from './config.ts';
import { answerClientErrors } from './http/client-errors.ts';
import { JobCatalogue } from './jobs/job-catalogue.ts';
import { JobLogs } from './log/job-logs.ts';
import { createRoutes } from './routes.ts';

/** Builds the API and serves it. It waits for nothing: while S3 is away, requests get 503 and /readyz says so. */
export async function compose(context: AppContext<ReaderConfig>): Promise<Composed> {
  const { config, logger, metrics, health, shutdown } = context;
  const { store, metadata } = openBucket(context);
  const { onDamage } = createFindings({ logger, metrics });
  const rawFiles = { maxRecord: config.MAX_RECORD, reorderWindow: config.REORDER_WINDOW };
  const reader = new LogReader({
    store,
    metadata,
    ...rawFiles,
    maxMessage: config.MAX_MESSAGE,
    legacyNamespace: config.LEGACY_NAMESPACE,
    onDamage,
  });
  const namespace = config.JOBS_NAMESPACE;
  const routes = createRoutes({
    reader,
    logs: new JobLogs({ store, reader, rawFiles, namespace }),
    catalogue: new JobCatalogue({ store, metadata, legacyNamespace: config.LEGACY_NAMESPACE, logger }),
    namespace,
  });

  const api = await startServer(createApp({ routes, health, metrics, logger }), { port: config.PORT });
  answerClientErrors(api.server);
  // Longer than that of any proxy before us: else it may send a request on a connection that we are closing.
  api.server.keepAliveTimeout = 75_000;
  shutdown.add({
    name: 'api',
    group: 'intake',
    run: async ({ timeoutMs }) => {
      // What is still being sent after that is broken off, which clients see.
      await api.close(timeoutMs * 0.8);
    },
  });
  return { ports: { http: api.port } };
}
