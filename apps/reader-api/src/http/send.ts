import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ApiError } from '../errors/catalogue.ts';
import { toApiError } from '../errors/to-api-error.ts';
import type { HttpMetrics } from '../metrics.ts';
import type { Exchange } from './exchange.ts';
import type { ApiReply } from './handler.ts';

export interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly exchange: Exchange;
}

/** Sends what a handler answered. Resolves when all is sent, or cannot be; never rejects. */
export async function sendReply(to: Sending, { headers = {}, body }: ApiReply, metrics: HttpMetrics): Promise<void> {
  if ('chunks' in body) await sendChunks(to, body, headers, metrics);
  else if ('text' in body) sendBody(to, 200, headers, 'text/plain; charset=utf-8', body.text);
  else sendBody(to, 200, headers, 'application/json; charset=utf-8', json(body.json));
}

/** Sends the error, or breaks the transfer off when the answer has begun. */
export function sendError(to: Sending, error: ApiError): void {
  const { response, exchange } = to;
  if (exchange.signal.aborted) return;
  exchange.failed(error, { broken: response.headersSent });
  if (response.headersSent) breakOff(to);
  else sendBody(to, error.status, error.headers, 'application/json; charset=utf-8', json(error.body));
}

const json = (value: unknown): string => `${JSON.stringify(value)}\n`;

function sendBody(
  { request, response, exchange }: Sending,
  status: number,
  headers: Readonly<Record<string, string>>,
  contentType: string,
  text: string,
): void {
  const body = Buffer.from(text);
  const headOnly = request.method === 'HEAD';
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': body.length, ...headers });
  exchange.sent(headOnly ? 0 : body.length);
  response.end(headOnly ? undefined : body);
}

async function sendChunks(
  to: Sending,
  { chunks, contentType }: { readonly chunks: AsyncIterable<Uint8Array>; readonly contentType: string },
  headers: Readonly<Record<string, string>>,
  metrics: HttpMetrics,
): Promise<void> {
  const { request, response, exchange } = to;
  response.writeHead(200, { 'Content-Type': contentType, ...headers });
  if (request.method === 'HEAD') {
    exchange.sent(0);
    response.end();
    return;
  }
  metrics.openStreams.inc();
  let failure: unknown;
  const counted = async function* () {
    try {
      for await (const chunk of chunks) {
        exchange.sent(chunk.length);
        yield chunk;
      }
    } catch (error) {
      failure = error;
      // Before the pipeline closes the connection in an orderly way.
      sendError(to, toApiError(error));
      throw error;
    }
  };
  try {
    // It waits for the client before it asks for the next chunk, and ends the reading when the client leaves.
    await pipeline(counted, response);
  } catch (error) {
    // The client has left, which the exchange sees for itself; or it is told already.
    if (failure === undefined && !exchange.signal.aborted) sendError(to, toApiError(error));
  } finally {
    metrics.openStreams.dec();
  }
}

/** The client must see that the answer is not whole: by a missing last chunk, or (HTTP/1.0 has no chunks) by a reset. */
function breakOff({ request, response }: Sending): void {
  if (request.httpVersionMinor === 0) response.socket?.resetAndDestroy();
  response.destroy();
}
