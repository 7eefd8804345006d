import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import express, { type Router } from 'express';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';
import { trackUnusedConnections } from './unused-connections.ts';

export interface OpsRouterOptions {
  readonly health: Health;
  readonly metrics: Metrics;
}

/** `/healthz`, `/readyz` and `/metrics`; to mount wherever an app wants them. */
export function opsRouter({ health, metrics }: OpsRouterOptions): Router {
  const router = express.Router();
  const probe = (report: Health['readiness']): express.RequestHandler =>
    async function answerProbe(_request, response) {
      const { httpStatus, body } = await report();
      response.set('Cache-Control', 'no-store').status(httpStatus).json(body);
    };
  router.get(
    '/healthz',
    probe(() => health.liveness()),
  );
  router.get(
    '/readyz',
    probe(() => health.readiness()),
  );
  router.get('/metrics', async (_request, response) => {
    const { contentType, body } = await metrics.text();
    response.set('Content-Type', contentType).send(body);
  });
  return router;
}

export interface RunningServer {
  /** The port listened on, also when 0 was asked for. */
  readonly port: number;
  /** The server itself, for what HTTP alone does not do (WebSocket upgrades). */
  readonly server: Server;
  /**
   * Takes no more connections, waits up to `timeoutMs` for requests under way and then cuts them off.
   * May be called more than once.
   */
  close(timeoutMs?: number): Promise<void>;
}

export interface ListenOptions {
  readonly port: number;
  /** Address to listen on; all of them by default. Of several, those that this machine has not (IPv6, say), but not the first, are left out. */
  readonly host?: string | readonly string[];
  /** Of a request's line and headers together, in bytes; Node's own limit by default. */
  readonly maxHeaderSize?: number;
}

/** Serves an Express app or any other handler. @throws Error when the port cannot be had */
export async function startServer(
  handler: RequestListener,
  { port, host, maxHeaderSize }: ListenOptions,
): Promise<RunningServer> {
  const server = createServer({ ...(maxHeaderSize !== undefined && { maxHeaderSize }) }, handler);
  const closeUnused = trackUnusedConnections(server);
  const [first, ...others] = typeof host === 'string' ? [host] : (host ?? []);
  server.listen({ port, ...(first === undefined ? {} : { host: first }) });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server listens on no TCP port');
  const listeners = await Promise.all(others.map((each) => listenToo(server, each, address.port)));

  let closing: Promise<void> | undefined;
  const close = async (timeoutMs: number) => {
    const closed = Promise.all([
      once(server, 'close'),
      ...listeners.map((listener) => listener && once(listener.close(), 'close')),
    ]);
    // Idle keep-alive connections are closed by this, those at work when their answer is out.
    server.close();
    closeUnused();
    const cut = setTimeout(() => server.closeAllConnections(), timeoutMs);
    await closed;
    clearTimeout(cut);
  };
  return { port: address.port, server, close: (timeoutMs = 5_000) => (closing ??= close(timeoutMs)) };
}

/** Lets the server take connections on another address too; undefined when this machine has not got it. */
async function listenToo(server: Server, host: string, port: number): Promise<NetServer | undefined> {
  const listener = createNetServer(
    { allowHalfOpen: true, noDelay: true },
    (socket) => void server.emit('connection', socket),
  );
  try {
    listener.listen({ host, port });
    await once(listener, 'listening');
    return listener;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
    return undefined;
  }
}

/** The server of {@link opsRouter} on a port of its own. @throws Error when the port cannot be had */
export function startOpsServer({ port, host, ...options }: OpsRouterOptions & ListenOptions): Promise<RunningServer> {
  const app = express().disable('x-powered-by').use(opsRouter(options));
  return startServer(app, { port, ...(host === undefined ? {} : { host }) });
}
