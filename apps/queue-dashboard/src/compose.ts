import { connectRedis } from '@cordwood/queues';
import { type AppContext, type Composed, hostsOf, startServer } from '@cordwood/service';
import { createAccess } from './access/create-access.ts';
import { createFailures } from './access/failures.ts';
import { createApp } from './app.ts';
import { createBoard } from './board/create-board.ts';
import type { Config } from './config.ts';

/** Builds the dashboard and serves it. While Redis is away, the page says so, and so does /readyz. */
export async function compose(context: AppContext<Config>): Promise<Composed> {
  const { name, config, logger, metrics, health, shutdown } = context;
  const { BASE_PATH: basePath, AUTH_MODE: authMode } = config;
  const isReadOnly = config.DASHBOARD_MODE === 'readonly';
  const connection = connectRedis({ target: config.REDIS_URL, logger, name });
  const failures = createFailures(config.SIGN_IN_LIMIT.max, metrics);
  const board = createBoard({
    connection,
    prefix: config.QUEUE_PREFIX,
    basePath,
    isReadOnly,
    readerUrl: config.READER_URL,
    signOut: authMode === 'oidc' ? `${basePath === '/' ? '' : basePath}/logout` : undefined,
    logger,
  });
  shutdown.add({
    name: 'redis',
    group: 'connections',
    run: async () => {
      failures.close();
      // Queues whose connection never was wait for it.
      await Promise.race([board.close(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      await connection.close();
    },
  });
  health.addReadiness('redis', connection.ping);
  const app = createApp({
    access: await createAccess({ config, failures, health, logger }),
    board: board.app,
    basePath,
    isReadOnly,
    isLocal: authMode === undefined,
    proxies: config.TRUST_PROXY,
    ping: () => connection.ping(AbortSignal.timeout(PING_MS)),
    metrics,
    logger,
  });
  const host = hostsOf(config);
  const server = await startServer(app, { port: config.PORT, ...(host !== undefined && { host }) });
  // Longer than that of any proxy before us: else it may send a request on a connection that we are closing.
  server.server.keepAliveTimeout = 75_000;
  shutdown.add({ name: 'http', group: 'intake', run: ({ timeoutMs }) => server.close(timeoutMs * 0.8) });
  return { ports: { http: server.port } };
}

/** How long Redis may take before a page is told that it gives no answer, in ms. */
const PING_MS = 3_000;
