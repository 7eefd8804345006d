import cors from 'cors';
import { type RequestHandler, Router } from 'express';
import helmet from 'helmet';

/** CORS_ORIGINS. Undefined: pages of other origins get nothing. */
export type CorsOrigins = '*' | readonly string[] | undefined;

/** What pages of other origins may read of our answers, besides what every page may. */
const EXPOSED = [
  'Content-Disposition',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Container',
  'X-Has-More',
  'X-Log-Deleted-Until',
  'X-Namespace',
  'X-Next-Cursor',
  'X-Separator',
  'X-Service-Version',
];

/** What browsers are told of this service: nothing foreign belongs to its pages, and which pages of other origins may use it. */
export function browserPolicy(origins: CorsOrigins): RequestHandler {
  const router = Router();
  router.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        // What /docs needs; all other answers are data.
        directives: {
          'default-src': ["'none'"],
          'script-src': ["'self'"],
          'style-src': ["'self'", "'unsafe-inline'"],
          'img-src': ["'self'", 'data:'],
          'font-src': ["'self'"],
          'connect-src': ["'self'"],
          'base-uri': ["'none'"],
          'form-action': ["'none'"],
          'frame-ancestors': ["'none'"],
        },
      },
      xFrameOptions: { action: 'deny' },
      // It is for whoever terminates TLS to say, about a host that may serve others too.
      strictTransportSecurity: false,
    }),
  );
  if (origins !== undefined) {
    router.use(
      cors({
        origin: origins === '*' ? '*' : [...origins],
        credentials: origins !== '*',
        methods: ['GET', 'HEAD', 'DELETE'],
        allowedHeaders: ['Authorization', 'Last-Event-ID', 'Content-Type'],
        exposedHeaders: EXPOSED,
        maxAge: 600,
      }),
    );
  }
  return router;
}

/**
 * Whether a page of this origin may open a WebSocket, which browsers let any page do: one of ours, one that CORS_ORIGINS names, or none (what is
 * no browser).
 */
export function mayConnect(origins: CorsOrigins, origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined || origins === '*' || origins?.includes(origin) === true) return true;
  return URL.parse(origin)?.host === host;
}
