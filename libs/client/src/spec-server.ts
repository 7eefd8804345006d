import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly accept: string;
  readonly authorization: string | undefined;
}

/** Answers one request. */
export type Answer = (response: ServerResponse, asked: Asked) => void | Promise<void>;

/** A server for specs that answers by a script: the n-th request with its n-th answer, and all others with the last. */
export interface SpecServer {
  readonly url: string;
  readonly asked: readonly Asked[];
  script(...answers: readonly Answer[]): void;
  /** Takes no connections, until `start`, which is at the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startSpecServer(): Promise<SpecServer> {
  let answers: Answer[] = [];
  const asked: Asked[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://x');
    const { accept = '', authorization } = request.headers;
    const each = { method: request.method ?? '', url, accept, authorization };
    asked.push(each);
    await (answers.length > 1 ? answers.shift() : answers[0])?.(response, each);
  };
  let port = 0;
  let server: Server | undefined;
  const start = async () => {
    server = createServer((request, response) => void answer(request, response)).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const stop = async () => {
    const stopping = server;
    server = undefined;
    if (stopping === undefined) return;
    stopping.closeAllConnections();
    await once(stopping.close(), 'close');
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    script: (...next) => {
      answers = [...next];
      asked.length = 0;
    },
    stop,
    start,
  };
}

/** A message as the API sends it. */
export const lineOf = (log: string, index = 0) => ({
  time: new Date(Date.UTC(2026, 10, 20, 10) + index).toISOString(),
  stream: 'stdout',
  namespace: 'jobs',
  container: 'main',
  container_id: 'c0ffee',
  log,
});

const eventOf = (log: string, index: number): string =>
  `id: at-${index}\ndata: ${JSON.stringify(lineOf(log, index))}\n\n`;

export const endOf = (reason: string): string =>
  `event: end\ndata: ${JSON.stringify({ reason, next_cursor: null, has_more: false })}\n\n`;

export interface StreamOptions {
  /** Connection is reset after so many bytes of the body. */
  readonly cutAfter?: number;
  /** What stands at the end of the log. Default: the event `end`. */
  readonly end?: string;
}

/** The log as events, from the asked cursor on. */
export const streamOf =
  (messages: readonly string[], { cutAfter = Infinity, end = endOf('complete') }: StreamOptions = {}): Answer =>
  (response, { url }) => {
    const cursor = url.searchParams.get('cursor');
    const first = cursor === null ? 0 : Number(cursor.replace('at-', '')) + 1;
    const events = messages.map(eventOf).slice(first);
    const body = Buffer.from(['retry: 3000\n\n: \n\n', ...events, end].join(''));
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    if (body.length <= cutAfter) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, cutAfter), () => {
      // What is written must be on its way before the reset overtakes it.
      setImmediate(() => response.socket?.resetAndDestroy());
    });
  };

export const errorAnswer =
  (status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify({ error: { code, message: `because of ${code}` } }));
  };

export const jsonAnswer =
  (value: unknown): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
  };
