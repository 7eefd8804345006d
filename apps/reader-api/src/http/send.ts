import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ApiError } from '../errors/catalogue.ts';
import { toApiError } from '../errors/to-api-error.ts';
import type { Exchange } from './exchange.ts';
import { gzipped } from './gzip.ts';
import type { ApiReply, StreamBody } from './handler.ts';
import { JSON_TYPE, TEXT_TYPE } from './operation.ts';

export interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly exchange: Exchange;
}

/** What a handler answered to a request that is no upgrade. */
export type HttpReply = ApiReply & { readonly body: Exclude<ApiReply['body'], { readonly messages: unknown }> };

/** Sends what a handler answered. Resolves when all is sent, or cannot be; never rejects. */
export async function sendReply(to: Sending, reply: HttpReply): Promise<void> {
  const { status = 200, headers = {}, body } = reply;
  if ('chunks' in body) await sendChunks(to, status, headers, body);
  else if ('bytes' in body) sendBody(to, status, headers, body.contentType, body.bytes);
  else if ('none' in body) sendNothing(to, status, headers);
  else if ('text' in body) sendBody(to, status, headers, TEXT_TYPE, Buffer.from(body.text));
  else sendBody(to, status, headers, JSON_TYPE, json(body.json));
}

/** Sends the error, or breaks the transfer off when the answer has begun. */
export function sendError(to: Sending, error: ApiError): void {
  const { response, exchange } = to;
  if (exchange.signal.aborted) return;
  exchange.failed(error, { broken: response.headersSent });
  if (response.headersSent) breakOff(to);
  else sendBody(to, error.status, error.headers, JSON_TYPE, json(error.body));
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

function sendBody(
  { request, response, exchange }: Sending,
  status: number,
  headers: Readonly<Record<string, string>>,
  contentType: string,
  body: Uint8Array,
): void {
  const headOnly = request.method === 'HEAD';
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': body.length, ...headers });
  exchange.sent(headOnly ? 0 : body.length);
  response.end(headOnly ? undefined : body);
}

function sendNothing({ response, exchange }: Sending, status: number, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, { ...headers });
  exchange.sent(0);
  response.end();
}

async function sendChunks(
  to: Sending,
  status: number,
  headers: Readonly<Record<string, string>>,
  { chunks, contentType, encoding }: StreamBody,
): Promise<void> {
  const { request, response, exchange } = to;
  const encoded = encoding === 'gzip' ? gzipped(chunks) : chunks;
  response.writeHead(status, {
    'Content-Type': contentType,
    ...(encoding !== undefined && { 'Content-Encoding': encoding }),
    ...headers,
  });
  if (request.method === 'HEAD') {
    exchange.sent(0);
    response.end();
    return;
  }
  // The first line may be long in coming.
  response.flushHeaders();
  let failure: unknown;
  const counted = async function* () {
    try {
      for await (const chunk of encoded) {
        exchange.sent(chunk.length);
        yield chunk;
      }
    } catch (error) {
      failure = error;
      // What there is of the log is to arrive before the transfer breaks off.
      await flushed(response);
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
  }
}

/** Resolves when all that was written is handed to the connection, or the connection is gone. */
function flushed({ socket }: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (socket === null) resolve();
    else
      socket.write('', () => {
        resolve();
      });
  });
}

/** The client must see that the answer is not whole: by a missing last chunk, or (HTTP/1.0 has no chunks) by a reset. */
function breakOff({ request, response }: Sending): void {
  if (request.httpVersionMinor === 0) response.socket?.resetAndDestroy();
  response.destroy();
}
