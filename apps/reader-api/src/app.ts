import { type Health, type Logger, type Metrics, opsRouter, productVersion } from '@cordwood/service';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type Admit, admitAnyone } from './access/admission.ts';
import { ApiError } from './errors/catalogue.ts';
import { toApiError } from './errors/to-api-error.ts';
import { Exchange } from './http/exchange.ts';
import type { Method, Operation } from './http/operation.ts';
import { browserPolicy, type CorsOrigins, mayConnect } from './http/browser-policy.ts';
import { onlyLocalHost } from './http/local-host.ts';
import { type Sending, sendError, sendReply } from './http/send.ts';
import { isKubePath } from './kubectl/kube-operation.ts';
import { asStatusError } from './kubectl/status.ts';
import { endedBy } from './limits/end-of-stream.ts';
import { afterAbort } from './limits/after-abort.ts';
import { resetWhenIdle } from './limits/idle-client.ts';
import type { OpenStream, Streams } from './limits/streams.ts';
import type { WebSockets } from './http/web-sockets.ts';
import { createHttpMetrics } from './metrics.ts';
import { OPS_ROUTES } from './openapi/ops-routes.ts';

export interface AppOptions {
  readonly routes: readonly Operation[];
  readonly sockets: WebSockets;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly admit: Admit;
  readonly streams: Streams;
  readonly limits: AppLimits;
  readonly corsOrigins: CorsOrigins;
  /** Whether clients of this machine alone are let in: see {@link onlyLocalHost}. */
  readonly isLocal: boolean;
}

export interface AppLimits {
  /** IDLE_CLIENT_TIMEOUT, in ms. */
  readonly idleClientMs: number;
  /** MAX_URL_SIZE, in bytes. */
  readonly maxUrl: number;
}

/** How long a client may take to hear that its stream has lasted long enough, in ms. */
const LAST_WORDS_MS = 5_000;

/**
 * The HTTP API as an Express app, which WebSockets are opened through too: what holds for requests holds for them. This file and those of
 * `http/` that send are all that knows of HTTP's machinery.
 */
export function createApp(options: AppOptions): Express {
  const { routes, sockets, health, metrics, logger, admit, streams, limits, corsOrigins, isLocal } = options;
  const app = express().disable('x-powered-by').disable('etag').enable('case sensitive routing');
  const httpMetrics = createHttpMetrics(metrics);
  const exchanges = new WeakMap<Response, Exchange>();
  const sending = (request: Request, response: Response): Sending => {
    const exchange = exchanges.get(response);
    if (exchange === undefined) throw new Error('a response that no middleware has seen');
    return { request, response, exchange };
  };

  app.use((request, response, next) => {
    const exchange = new Exchange(request, { logger, metrics: httpMetrics });
    exchanges.set(response, exchange);
    response.once('close', () => {
      exchange.close({ status: response.statusCode, complete: response.writableFinished });
    });
    response.setHeader('X-Service-Version', productVersion);
    response.setHeader('Cache-Control', 'no-store');
    next();
  });
  app.use(browserPolicy(corsOrigins));
  if (isLocal) app.use(onlyLocalHost);
  app.use((request, _response, next) => {
    if (request.url.length <= limits.maxUrl) next();
    else throw new ApiError('url_too_long', `the URL is longer than ${limits.maxUrl} bytes`);
  });

  /** Notes the route, and lets through what it is there for. */
  const gate = (route: string, methods: readonly Method[]) => {
    const allowed = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    return (request: Request, response: Response, next: NextFunction) => {
      sending(request, response).exchange.route = route;
      if (allowed.includes(request.method)) {
        next();
        return;
      }
      const words = `${request.method} is not allowed here: ${allowed.join(' and ')} are`;
      throw new ApiError('method_not_allowed', words, { headers: { Allow: allowed.join(', ') } });
    };
  };
  const answer = (operations: readonly Operation[]) => async (request: Request, response: Response) => {
    const to = sending(request, response);
    const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase();
    const operation = operations.find((each) => each.method === method);
    if (operation === undefined) throw new Error(`no operation for ${method}, which was let through`);
    const { signal } = to.exchange;
    const isStream = operation.isStream === true && request.method === 'GET';
    const isUpgrade = sockets.isUpgrade(request);
    const { accept = '', origin, host } = request.headers;
    if (isUpgrade && !mayConnect(corsOrigins, origin, host)) {
      throw new ApiError('origin_not_allowed', 'pages of this origin may not open a WebSocket here (CORS_ORIGINS)');
    }
    const asksForEvents = /\btext\/event-stream\b/.test(accept) || /[?&]format=sse(?:&|$)/.test(request.url);
    const by = isUpgrade ? 'web-socket' : isStream && asksForEvents ? 'event-source' : 'fetch';
    const admission = operation.isPublic === true ? admitAnyone(request) : await admit(request, { by, signal });
    response.set(admission.headers);
    const stream = isStream ? openStream(to, admission.client) : undefined;
    const reply = await operation.handler({
      headOnly: request.method === 'HEAD',
      pathname: request.originalUrl.split('?', 1).join(''),
      path: request.params as Record<string, string>,
      query: admission.query,
      headers: request.headers,
      isUpgrade,
      caller: admission.caller,
      signal: stream === undefined ? signal : AbortSignal.any([signal, stream.signal]),
    });
    const ended = stream === undefined ? reply : endedBy(reply, stream.signal);
    const { body } = ended;
    // It adds to what the answer depends on already, such as its Origin.
    const { Vary, ...headers } = ended.headers ?? {};
    if (Vary !== undefined) response.vary(Vary);
    if ('messages' in body) await sockets.send(to, headers, body.messages);
    else await sendReply(to, { ...ended, headers, body });
  };
  /** A stream until its answer is over. Throws ApiError. */
  const openStream = ({ request, response, exchange }: Sending, client: string): OpenStream => {
    const stream = streams.open(client);
    const { socket } = request;
    // A connection that is no HTTP any more tells nobody but itself.
    const answerer = sockets.isUpgrade(request) ? socket : response;
    const stop = resetWhenIdle(answerer, socket, limits.idleClientMs, (error) => {
      exchange.failed(error, { broken: true });
    });
    const lastWords = afterAbort(stream.signal, LAST_WORDS_MS, () => {
      // Nobody took what would have told the client.
      exchange.failed(toApiError(stream.signal.reason), { broken: true });
      socket.resetAndDestroy();
    });
    exchange.signal.addEventListener('abort', () => {
      lastWords();
      stream.close();
      stop();
    });
    return stream;
  };

  for (const { route } of OPS_ROUTES) app.all(route, gate(route, ['get']));
  app.use(opsRouter({ health, metrics }));
  for (const [route, operations] of Map.groupBy(routes, (each) => each.route)) {
    app.all(
      route,
      gate(
        route,
        operations.map(({ method }) => method),
      ),
      answer(operations),
    );
  }
  app.use((request: Request) => {
    throw new ApiError('route_not_found', `there is nothing at ${JSON.stringify(request.path.slice(0, 200))}`);
  });
  // Express tells error handlers by their four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const told = toApiError(error);
    sendError(sending(request, response), isKubePath(request.path) ? asStatusError(told) : told);
  });
  return app;
}
