import { createDamageReport, openBucket } from '@cordwood/bucket';
import { createKube, type KubeClient, loadKubeConfig } from '@cordwood/kube';
import { JobLogReader } from '@cordwood/live-log';
import { LogReader } from '@cordwood/log-store';
import { type AppContext, type Composed, hostsOf, startServer } from '@cordwood/service';
import { createAccess } from './access/create-access.ts';
import { createAdmit } from './access/admission.ts';
import { createApp } from './app.ts';
import type { ReaderConfig } from './config.ts';
import { answerClientErrors } from './http/client-errors.ts';
import { WebSockets } from './http/web-sockets.ts';
import { createCursors } from './jobs/cursor.ts';
import { JobCatalogue } from './jobs/job-catalogue.ts';
import { addKubeHealth } from './log/kube-health.ts';
import { RateLimiter } from './limits/rate-limiter.ts';
import { Streams } from './limits/streams.ts';
import { JobLogs } from './log/job-logs.ts';
import { countResumedReads } from './metrics.ts';
import { createRoutes } from './routes.ts';

/**
 * Every log that is being sent may hold a connection to S3, for up to half a minute while its client takes nothing: many such clients
 * must not keep others from reading. And who asks waits for the answer: better an early 503 than a fifth try.
 */
const S3_CLIENT = { maxSockets: 1_024, maxAttempts: 3 };

/** Undefined: Kubernetes is not to be used, or nothing tells where it is. */
function connectKube(config: Pick<ReaderConfig, 'KUBERNETES' | 'KUBERNETES_CONTEXT'>): KubeClient | undefined {
  const found = loadKubeConfig({ mode: config.KUBERNETES, context: config.KUBERNETES_CONTEXT });
  return found && createKube(found);
}

/** Builds the API and serves it. It waits for nothing: while S3 is away, requests get 503 and /readyz says so. */
export async function compose(context: AppContext<ReaderConfig>): Promise<Composed> {
  const { config, logger, metrics, health, shutdown } = context;
  const { store, metadata, commitsSafely } = openBucket(context, { client: S3_CLIENT });
  const rawFiles = { maxRecord: config.MAX_RECORD, reorderWindow: config.REORDER_WINDOW };
  const reader = new LogReader({
    store,
    metadata,
    ...rawFiles,
    maxMessage: config.MAX_MESSAGE,
    legacyNamespace: config.LEGACY_NAMESPACE,
    onDamage: createDamageReport({ logger, metrics }),
    onReplaced: countResumedReads(metrics),
  });
  const kube = connectKube(config);
  addKubeHealth(health, kube);
  if (kube !== undefined) {
    shutdown.add({
      name: 'kubernetes',
      group: 'connections',
      run: () => {
        kube.close();
      },
    });
  }
  const namespace = config.JOBS_NAMESPACE;
  const catalogue = new JobCatalogue({ store, metadata, legacyNamespace: config.LEGACY_NAMESPACE, logger });
  const readable = { archive: reader, storeNow: () => store.now(), maxMessage: config.MAX_MESSAGE };
  const log = new JobLogReader({ ...readable, kube });
  const archiveLog = new JobLogReader({ ...readable, kube: undefined });
  const cursors = createCursors(config.CURSOR_SECRET);
  const routes = createRoutes({
    reader,
    logs: new JobLogs({
      store,
      reader,
      rawFiles,
      namespace,
      kube,
      liveLogs: log,
      archiveLogs: archiveLog,
      stopping: shutdown.signal,
    }),
    heartbeatMs: config.SSE_HEARTBEAT_INTERVAL,
    catalogue,
    cursors,
    store,
    metadata,
    legacyNamespace: config.LEGACY_NAMESPACE,
    commitsSafely,
    kube,
    namespace,
    needsToken: (config.AUTH_MODE ?? 'none') !== 'none',
    kubectl: { reader, catalogue, cursors, kube, log, archiveLog, store, logger, stopping: shutdown.signal },
  });

  const rate = config.RATE_LIMIT.max === undefined ? undefined : new RateLimiter(config.RATE_LIMIT.max);
  const { access, details } = createAccess(config, kube);
  // Never a reason to get no requests: there is no other replica that would know better.
  health.addReadiness('access', () => undefined, { details });
  const admit = createAdmit({ access, rate, proxies: config.TRUST_PROXY });
  const streams = new Streams(
    {
      max: config.MAX_STREAMS,
      maxPerClient: config.MAX_STREAMS_PER_CLIENT,
      maxDurationMs: config.MAX_STREAM_DURATION,
    },
    metrics,
  );
  const sockets = new WebSockets({ pingInterval: config.WEBSOCKET_PING_INTERVAL });
  const app = createApp({
    routes,
    sockets,
    health,
    metrics,
    logger,
    admit,
    streams,
    limits: { idleClientMs: config.IDLE_CLIENT_TIMEOUT, maxUrl: config.MAX_URL_SIZE },
    corsOrigins: config.CORS_ORIGINS,
    isLocal: config.AUTH_MODE === undefined,
  });
  const host = hostsOf(config);
  const api = await startServer(app, {
    port: config.PORT,
    ...(host !== undefined && { host }),
    maxHeaderSize: config.MAX_HEADER_SIZE,
  });
  sockets.attach(api.server, app);
  answerClientErrors(api.server);
  // Longer than that of any proxy before us: else it may send a request on a connection that we are closing.
  api.server.keepAliveTimeout = 75_000;
  shutdown.add({
    name: 'api',
    group: 'intake',
    run: async ({ timeoutMs }) => {
      // What is still being sent after that is broken off, which clients see.
      await Promise.all([api.close(timeoutMs * 0.8), sockets.close()]);
    },
  });
  return { ports: { http: api.port } };
}
