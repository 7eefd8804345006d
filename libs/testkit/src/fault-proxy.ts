import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What goes wrong with a request. */
export type Fault =
  /** Answered by the proxy; the server never sees it. `code` becomes an S3 error body. */
  | { readonly status: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is reset before the server sees the request. */
  | { readonly refuse: true }
  /** Carried out by the server, then the connection is reset instead of answering. */
  | { readonly dropAnswer: true }
  /** The connection is reset after so many bytes of the answer's body; `orderly`: closed as if that had been all. */
  | { readonly resetAfter: number; readonly orderly?: boolean }
  /** After so many bytes of the answer's body nothing more comes, and the connection stays open. */
  | { readonly stallAfter: number }
  /** The server gets the head and so many bytes of the request's body, then both connections are reset. */
  | { readonly cutUploadAfter: number }
  /** Never answered, and the server never sees it; the connection stays open. */
  | { readonly hang: true }
  /** The answer's body is passed on at so many bytes per second. */
  | { readonly bytesPerSecond: number }
  /** Passed on only after so many ms. */
  | { readonly delay: number }
  /** Whatever the test wants to happen meanwhile; then passed on. */
  | { readonly before: () => Promise<void> };

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface FaultRule {
  /** Default: every request. */
  readonly match?: (request: ProxiedRequest) => boolean;
  /** Matching requests that are let pass first. Default 0. */
  readonly skip?: number;
  /** Matching requests that it strikes after that. Default 1; `Infinity` for all. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface FaultProxyOptions {
  /** Asked about each request that no rule strikes. */
  readonly decide?: (request: ProxiedRequest) => Fault | undefined;
  /** Hears what the server answered, whether or not the client gets to see it. */
  readonly onAnswer?: (request: ProxiedRequest, status: number) => void;
  /** Whether `requests` is kept; default true. */
  readonly record?: boolean;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** All requests so far, in order of arrival. */
  readonly requests: readonly ProxiedRequest[];
  /** The first rule that matches and is not used up strikes; returns a function that takes the rule back. */
  add(rule: FaultRule): () => void;
  clear(): void;
  stop(): Promise<void>;
}

interface ActiveRule {
  readonly rule: FaultRule;
  seen: number;
}

/** An HTTP proxy on 127.0.0.1 in front of one server, which lets requests fail as told. The Host header passes unchanged, so signatures stay valid. */
export async function startFaultProxy(target: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const { decide, onAnswer, record = true } = options;
  const upstream = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const requests: ProxiedRequest[] = [];
  let rules: ActiveRule[] = [];

  const strike = (request: ProxiedRequest): Fault | undefined => {
    for (const active of rules) {
      const { match, skip = 0, times = 1, fault } = active.rule;
      if (match?.(request) === false || active.seen >= skip + times) continue;
      active.seen++;
      if (active.seen > skip) return fault;
    }
    return decide?.(request);
  };

  const server = createServer((incoming, outgoing) => {
    const request = { method: incoming.method ?? 'GET', url: incoming.url ?? '/', headers: incoming.headers };
    if (record) requests.push(request);
    const fault = strike(request) ?? {};
    const hear = (status: number) => onAnswer?.(request, status);
    serve(incoming, outgoing, fault, { upstream, agent, hear }).catch(() => outgoing.destroy());
  });
  // Bodies that a fault leaves unread, and stalls, must not be cut short by Node's own limits.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    add(rule) {
      const active = { rule, seen: 0 };
      rules.push(active);
      return () => {
        rules = rules.filter((other) => other !== active);
      };
    },
    clear() {
      rules = [];
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Partial<UnionToIntersection<Fault>>,
  server: Upstream,
): Promise<void> {
  if (fault.hang === true) return;
  if (fault.refuse === true) {
    reset(outgoing);
    return;
  }
  if (fault.status !== undefined) {
    // Taken in first: some clients see a reset instead of the answer when they are still sending.
    await incoming.resume().toArray();
    const body = fault.code === undefined ? '' : `<Error><Code>${fault.code}</Code><Message>a fault</Message></Error>`;
    outgoing.writeHead(fault.status, { 'content-length': body.length, ...fault.headers });
    outgoing.end(incoming.method === 'HEAD' ? undefined : body);
    return;
  }
  if (fault.delay !== undefined) await delay(fault.delay);
  await fault.before?.();
  if (fault.cutUploadAfter !== undefined) {
    await forwardCut(incoming, server, fault.cutUploadAfter);
    reset(outgoing);
    return;
  }

  const answer = await forward(incoming, outgoing, server);
  server.hear(answer.statusCode ?? 0);
  if (fault.dropAnswer === true) {
    await answer.resume().toArray();
    reset(outgoing);
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  const limit = fault.resetAfter ?? fault.stallAfter ?? Infinity;
  let passed = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, limit - passed);
    passed += part.length;
    if (!outgoing.write(part)) await drained(outgoing);
    if (outgoing.destroyed) return;
    if (passed >= limit) break;
    if (fault.bytesPerSecond !== undefined) await delay((part.length / fault.bytesPerSecond) * 1000);
  }
  if (fault.stallAfter !== undefined) return;
  if (fault.resetAfter === undefined) {
    outgoing.end();
    return;
  }
  // What is written must be on its way before the reset overtakes it.
  await delay(20);
  if (fault.orderly === true) outgoing.socket?.end();
  else reset(outgoing);
}

/** Waits until the client has taken what was written, or has left. */
async function drained(outgoing: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(outgoing, 'drain', { signal }), once(outgoing, 'close', { signal })]);
  over.abort();
}

interface Upstream {
  readonly upstream: URL;
  readonly agent: Agent;
  readonly hear: (status: number) => void;
}

/** Sends a part of the request on a connection of its own, and resets that. */
async function forwardCut(incoming: IncomingMessage, { upstream }: Upstream, bytes: number): Promise<void> {
  const { hostname, port } = upstream;
  const { method, url, rawHeaders } = incoming;
  const request = httpRequest({ hostname, port, method, path: url, headers: rawHeaders as never, agent: false });
  request.on('error', () => undefined);
  let left = bytes;
  request.flushHeaders();
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    request.write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  // What is written must be on its way before the reset overtakes it.
  await delay(20);
  request.destroy();
}

/** Sends the request on, and gives the server's answer. */
async function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { upstream, agent }: Upstream,
): Promise<IncomingMessage> {
  const { hostname, port } = upstream;
  const { method, url, rawHeaders } = incoming;
  const request = httpRequest({ agent, hostname, port, method, path: url, headers: rawHeaders as never });
  outgoing.once('close', () => {
    // The client has left: so do we.
    if (!outgoing.writableEnded) request.destroy();
  });
  incoming.pipe(request);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

function reset(outgoing: ServerResponse): void {
  outgoing.socket?.resetAndDestroy();
}

/** All kinds of fault as one type whose fields are optional. */
type UnionToIntersection<U> = (U extends unknown ? (union: U) => void : never) extends (all: infer I) => void
  ? I
  : never;
