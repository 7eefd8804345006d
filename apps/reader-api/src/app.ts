import { type Health, type Logger, type Metrics, opsRouter, productVersion } from '@cordwood/service';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { ApiError } from './errors/catalogue.ts';
import { toApiError } from './errors/to-api-error.ts';
import { Exchange } from './http/exchange.ts';
import type { Handler, Routes } from './http/handler.ts';
import { type Sending, sendError, sendReply } from './http/send.ts';
import { createHttpMetrics } from './metrics.ts';

export interface AppOptions {
  readonly routes: Routes;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const OPS_ROUTES = ['/healthz', '/readyz', '/metrics'];

/** The HTTP API as an Express app; this file and `http/send.ts` are all that knows of HTTP's machinery. */
export function createApp({ routes, health, metrics, logger }: AppOptions): Express {
  const app = express().disable('x-powered-by').disable('etag').enable('case sensitive routing');
  const httpMetrics = createHttpMetrics(metrics);
  const exchanges = new WeakMap<Response, Exchange>();
  const sending = (request: Request, response: Response): Sending => {
    const exchange = exchanges.get(response);
    if (exchange === undefined) throw new Error('a response that no middleware has seen');
    return { request, response, exchange };
  };

  app.use((request, response, next) => {
    exchanges.set(response, new Exchange(request, response, { logger, metrics: httpMetrics }));
    response.setHeader('X-Service-Version', productVersion);
    response.setHeader('Cache-Control', 'no-store');
    // Logs are text, whatever a job may have written into them.
    response.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });

  /** Notes the route, and lets through what it is there for. */
  const gate = (route: string) => (request: Request, response: Response, next: NextFunction) => {
    sending(request, response).exchange.route = route;
    if (request.method === 'GET' || request.method === 'HEAD') {
      next();
      return;
    }
    throw new ApiError('method_not_allowed', `${request.method} is not allowed here: GET and HEAD are`, {
      headers: { Allow: 'GET, HEAD' },
    });
  };
  const answer = (handler: Handler) => async (request: Request, response: Response) => {
    const to = sending(request, response);
    const mark = request.originalUrl.indexOf('?');
    const reply = await handler({
      headOnly: request.method === 'HEAD',
      path: request.params as Record<string, string>,
      query: mark < 0 ? '' : request.originalUrl.slice(mark + 1),
      signal: to.exchange.signal,
    });
    await sendReply(to, reply, httpMetrics);
  };

  for (const route of OPS_ROUTES) app.all(route, gate(route));
  app.use(opsRouter({ health, metrics }));
  for (const [route, handler] of Object.entries(routes)) app.all(route, gate(route), answer(handler));
  app.use((request: Request) => {
    throw new ApiError('route_not_found', `there is nothing at ${JSON.stringify(request.path.slice(0, 200))}`);
  });
  // Express tells error handlers by their four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    sendError(sending(request, response), toApiError(error));
  });
  return app;
}
