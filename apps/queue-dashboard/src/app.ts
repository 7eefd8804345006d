import { type Logger, type Metrics, toError } from '@cordwood/service';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { type Access, gate } from './access/user.ts';
import { recordActions } from './actions.ts';
import { browserPolicy, onlyLocalHost, onlyReading, onlySameOrigin } from './http/guards.ts';

export interface AppOptions {
  readonly access: Access;
  /** bull-board. */
  readonly board: Express;
  readonly basePath: string;
  readonly isReadOnly: boolean;
  /** Whether clients of this machine alone are let in. */
  readonly isLocal: boolean;
  /** TRUST_PROXY. */
  readonly proxies: number;
  /** Resolves when Redis answers. */
  readonly ping: () => Promise<void> | void;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The dashboard as an Express app: what keeps strangers out, in its order, and then bull-board. */
export function createApp(options: AppOptions): Express {
  const { access, board, basePath, isReadOnly, isLocal, proxies, ping, metrics, logger } = options;
  const app = express().disable('x-powered-by').set('trust proxy', proxies);
  app.use(measure(metrics), browserPolicy);
  if (isLocal) app.use(onlyLocalHost);
  const router = express.Router();
  router.use(onlySameOrigin);
  if (access.routes !== undefined) router.use(access.routes);
  router.use(gate(access), caching);
  if (isReadOnly) router.use(onlyReading);
  router.use(recordActions({ logger, metrics }));
  // BullMQ's calls would wait without end.
  router.use('/api', async (_request, response, next) => {
    try {
      await ping();
    } catch (error) {
      response
        .status(503)
        .set('Retry-After', '5')
        .json({ error: `Redis gives no answer: ${toError(error).message}` });
      return;
    }
    next();
  });
  router.use(board);
  app.use(basePath, router);
  app.use((_request: Request, response: Response) => {
    response.status(404).type('text').send(`There is nothing here: the queues are at ${basePath}\n`);
  });
  // Express tells error handlers by their four parameters.
  app.use((thrown: unknown, request: Request, response: Response, next: NextFunction) => {
    const error = toError(thrown);
    const { status = 500 } = error as { readonly status?: number };
    if (status >= 500) logger.error('request failed', { method: request.method, path: request.path, error });
    if (response.headersSent) next(error);
    else response.status(status).json({ error: status >= 500 ? 'Something went wrong: see the log.' : error.message });
  });
  return app;
}

/** Data are of now; files of the page may be kept, but are shown to nobody who is not let in any more. */
const caching: RequestHandler = ({ path }, response, next) => {
  response.set('Cache-Control', path.startsWith('/static/') ? 'private, no-cache' : 'no-store');
  next();
};

function measure(metrics: Metrics): RequestHandler {
  const requests = metrics.counter({
    name: 'cordwood_http_requests_total',
    help: 'Requests by method and status.',
    labels: ['method', 'status'],
  });
  const seconds = metrics.histogram({
    name: 'cordwood_http_request_duration_seconds',
    help: 'Until the last byte of the answer.',
  });
  return (request, response, next) => {
    const startedAt = performance.now();
    response.on('close', () => {
      requests.inc({ method: request.method, status: response.statusCode });
      seconds.observe((performance.now() - startedAt) / 1_000);
    });
    next();
  };
}
