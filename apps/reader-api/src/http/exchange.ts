import type { IncomingMessage } from 'node:http';
import type { Fields, Logger } from '@cordwood/service';
import type { ApiError } from '../errors/catalogue.ts';
import type { HttpMetrics } from '../metrics.ts';

/** Asked for by machines every few seconds. */
const QUIET_ROUTES = new Set(['/healthz', '/readyz', '/metrics', '/ping']);
/** What nginx made known for a client that left. */
const CLIENT_LEFT = 499;

/** How an exchange ended. */
export interface Outcome {
  readonly status: number;
  /** Whether the client got the answer to its end, or to where it was broken off on purpose. */
  readonly complete: boolean;
}

/** A request and its answer, as metrics and the access log tell of it: one flat line when all is over. */
export class Exchange {
  /** The route's pattern, never the path: it becomes a label. */
  route = 'none';
  /** Aborted when the connection closes, and so when the client leaves. */
  readonly signal: AbortSignal;
  readonly #closed = new AbortController();
  readonly #startedAt = performance.now();
  readonly #logger: Logger;
  readonly #metrics: HttpMetrics;
  readonly #request: IncomingMessage;
  readonly #path: string;
  #sentBytes = 0;
  #firstByteMs: number | undefined;
  #error: ApiError | undefined;
  #broken = false;

  constructor(
    request: IncomingMessage,
    { logger, metrics }: { readonly logger: Logger; readonly metrics: HttpMetrics },
  ) {
    this.signal = this.#closed.signal;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#request = request;
    // Queries may hold what is nobody's business.
    this.#path = (request.url ?? '').split('?', 1).join('').slice(0, 1000);
  }

  /** The connection, or the answer, is closed. Only the first call counts. */
  close(outcome: Outcome): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error('the connection was closed'));
    this.#report(outcome);
  }

  sent(bytes: number): void {
    const { route } = this;
    if (this.#firstByteMs === undefined) {
      this.#firstByteMs = this.#elapsed();
      this.#metrics.firstByte.observe({ route }, this.#firstByteMs / 1000);
    }
    this.#sentBytes += bytes;
    this.#metrics.sentBytes.inc({ route }, bytes);
  }

  /** `broken`: the answer had begun already. */
  failed(error: ApiError, { broken }: { readonly broken: boolean }): void {
    this.#error = error;
    this.#broken = broken;
  }

  #elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  #report(outcome: Outcome): void {
    const logger = this.#logger;
    const { method = '' } = this.#request;
    const left = !outcome.complete && !this.#broken;
    const status = left ? CLIENT_LEFT : outcome.status;
    const elapsed = this.#elapsed();
    const { route } = this;
    this.#metrics.requests.inc({ method, route, status });
    this.#metrics.duration.observe({ route }, elapsed / 1000);
    if (this.#error !== undefined) this.#metrics.errors.inc({ code: this.#error.code, broken: String(this.#broken) });

    const fields: Fields = {
      method,
      route,
      path: this.#path,
      status,
      durationMs: Math.round(elapsed),
      ...(this.#firstByteMs !== undefined && { firstByteMs: Math.round(this.#firstByteMs) }),
      sentBytes: this.#sentBytes,
      ...(left && { clientLeft: true }),
      ...(this.#broken && { broken: true }),
      ...(this.#error !== undefined && { errorCode: this.#error.code }),
      // Messages about a request quote it.
      ...(this.#error !== undefined && this.#error.status >= 500 && { errorMessage: this.#error.message }),
    };
    if (this.#error?.code === 'internal_error') logger.error('request', { ...fields, error: this.#error.cause });
    else if (this.#broken || (this.#error !== undefined && status >= 500)) logger.warn('request', fields);
    else if (QUIET_ROUTES.has(route)) logger.debug('request', fields);
    else logger.info('request', fields);
  }
}
