import { isLocalHost } from '@cordwood/service';
import type { Request, RequestHandler } from 'express';
import helmet from 'helmet';

/** What must hold of every request, whoever sends it. */

/** Requests of these methods change nothing. */
export const isSafe = ({ method }: Pick<Request, 'method'>): boolean => method === 'GET' || method === 'HEAD';

/** Nothing foreign belongs to our pages, and they belong into nobody's. */
export const browserPolicy: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      // bull-board sets styles of elements, and has some in its page.
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'"],
      'connect-src': ["'self'"],
      'base-uri': ["'self'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
  // It is for whoever terminates TLS to say, about a host that may serve others too.
  strictTransportSecurity: false,
});

/** Where nobody is asked who they are: see {@link isLocalHost}. */
export const onlyLocalHost: RequestHandler = ({ headers }, response, next) => {
  if (isLocalHost(headers.host)) next();
  else response.status(403).type('text').send('Without AUTH_MODE only localhost, 127.0.0.1 and [::1] are answered.\n');
};

/**
 * Refuses what pages of others have a browser send here, with the rights of whoever sits before it. Browsers say of requests that change something where they
 * come from, in one header or both; what says nothing is no browser, and has to bring its rights along.
 */
export const onlySameOrigin: RequestHandler = (request, response, next) => {
  if (isSafe(request) || isSameOrigin(request)) next();
  else response.status(403).json({ error: 'Requests of other sites are refused.' });
};

export function isSameOrigin({ headers }: Pick<Request, 'headers'>): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  return origin === undefined || URL.parse(origin)?.host === host;
}

/** Whatever the board would let through: no request changes anything. */
export const onlyReading: RequestHandler = (request, response, next) => {
  if (isSafe(request)) next();
  // As bull-board itself answers for a queue that is read-only, in words that its page knows.
  else
    response
      .status(405)
      .set('Allow', 'GET, HEAD')
      .json({ error: { key: 'ERRORS.QUEUE_READ_ONLY' } });
};
