import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTime } from '@cordwood/log-record';
import { discovery } from './discovery.ts';
import { type ActiveFault, type KubeApiRequest, type KubeFaultRule, type KubeRequestKind, Faults } from './faults.ts';
import { answerLog, logParameters } from './log-endpoint.ts';
import { PodDouble, type PodOptions } from './pod.ts';
import { listPods, namespaceAnswer, podAnswer } from './pods-endpoint.ts';
import { type AccessRule, accessReview, tokenReview, type UserDouble } from './reviews.ts';
import { ApiError, errorOfStatus, podNotFound, resourceNotFound, statusJson, unauthorized } from './status.ts';

export interface KubeApiOptions {
  /**
   * Requests must carry it as their bearer token; kubectl sends one over TLS only. Default: no one is asked who they are.
   */
  readonly token?: string;
  /** HTTPS with this key and certificate; with `requestCert` and `ca` only for clients with a certificate. Default: HTTP. */
  readonly tls?: Pick<ServerOptions, 'key' | 'cert' | 'ca' | 'requestCert'>;
  /** Default `containerd`. */
  readonly runtime?: string;
  /** Milliseconds since 1970; default: the machine's. Lines without a time of their own take it. */
  readonly clock?: () => number;
  /** So many ms after a container has started or ended, its pod's status says so; the log is that of the new instance at once. Default 0. */
  readonly statusLag?: number;
}

/**
 * An HTTP server on 127.0.0.1 that behaves like the API server of Kubernetes 1.32 and the kubelets behind it, as far as logs of pods go.
 * Tests drive what happens in the cluster.
 */
export interface KubeApiDouble {
  readonly url: string;
  /** The token that requests must carry, if any; it may be changed. */
  token: string | undefined;
  createPod(options: PodOptions): PodDouble;
  /** The path of a kubeconfig whose only context leads here; it goes when the double is stopped. */
  kubeconfig(): Promise<string>;
  /** What tokens stand for, for token reviews. */
  readonly users: Map<string, UserDouble>;
  /** What is allowed, for access reviews. Empty: nothing. */
  readonly rules: AccessRule[];
  /** The first rule that matches and is not used up strikes. */
  fault(rule: KubeFaultRule): ActiveFault;
  /** Resets connections: of all requests for logs that are being answered, or of those that match. */
  dropLogs(match?: (request: KubeApiRequest) => boolean): void;
  /** While true every connection is reset. */
  down: boolean;
  /** Requests so far, in order. */
  readonly requests: readonly KubeApiRequest[];
  /** Requests so far, of one kind. */
  count(kind: KubeRequestKind): number;
  /** Answers to requests for logs that have not ended. */
  readonly openLogs: number;
  /** Those of them that follow. */
  readonly openFollows: number;
  stop(): Promise<void>;
}

/** Starts a Kubernetes API without any pods. */
export async function startKubeApi(options: KubeApiOptions = {}): Promise<KubeApiDouble> {
  const { runtime = 'containerd', clock = Date.now, statusLag = 0, tls } = options;
  const pods = new Map<string, PodDouble>();
  const namespaces = new Set(['default', 'jobs']);
  const users = new Map<string, UserDouble>();
  const rules: AccessRule[] = [];
  const faults = new Faults();
  const requests: KubeApiRequest[] = [];
  const logs = new Map<ServerResponse, KubeApiRequest>();
  const world = { runtime, now: uniqueTimes(clock), today: () => new Date(clock()) };
  let dir: string | undefined;

  const answer = async (
    incoming: IncomingMessage,
    response: ServerResponse,
    request: KubeApiRequest,
  ): Promise<void> => {
    const fault = faults.strike(request);
    if (fault?.refuse === true) {
      response.socket?.resetAndDestroy();
      return;
    }
    if (fault?.hold === true) await fault.released;
    if (fault?.status !== undefined) {
      const error = errorOfStatus(fault.status, fault.retryAfter);
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      throw new ApiError(error.status, error.reason, fault.message ?? error.message, error.details);
    }
    if (fault?.body !== undefined) {
      response.setHeader('content-type', 'text/plain');
      response.end(fault.body);
      return;
    }
    if (double.token !== undefined && incoming.headers.authorization !== `Bearer ${double.token}`) throw unauthorized();

    const now = world.today();
    const pod = pods.get(`${request.namespace ?? ''}/${request.pod ?? ''}`);
    switch (request.kind) {
      case 'pods':
        sendJson(response, 200, listPods([...pods.values()], request, incoming.headers.accept, now));
        return;
      case 'pod':
        if (pod === undefined) throw podNotFound(request.pod ?? '');
        sendJson(response, 200, podAnswer(pod, incoming.headers.accept, now));
        return;
      case 'log':
        if (pod === undefined) throw podNotFound(request.pod ?? '');
        await answerLog(pod, logParameters(request.query, pod.name, now.getTime()), response, fault);
        return;
      case 'namespaces':
        sendJson(response, 200, namespaceAnswer(namespaces, request));
        return;
      case 'tokenreview':
        sendJson(response, 201, tokenReview(await jsonBody(incoming), users));
        return;
      case 'accessreview':
        sendJson(response, 201, accessReview(await jsonBody(incoming), rules));
        return;
      default: {
        const document = discovery(request.path);
        if (document === undefined) throw resourceNotFound();
        sendJson(response, 200, document);
      }
    }
  };

  const listener: RequestListener = (incoming, response) => {
    const request = requestOf(incoming);
    requests.push(request);
    if (request.kind === 'log') {
      logs.set(response, request);
      response.once('close', () => logs.delete(response));
    }
    answer(incoming, response, request).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy();
      else if (error instanceof ApiError) sendJson(response, error.status, statusJson(error));
      else sendJson(response, 500, statusJson(new ApiError(500, 'InternalError', String(error))));
    });
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  server.on('connection', (socket: Socket) => {
    // A client that leaves is no event here.
    socket.on('error', () => undefined);
    if (double.down) socket.resetAndDestroy();
  });
  server.requestTimeout = 0;
  // Longer than any pause of a test: a kept connection must not go just when it is used again.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  let down = false;
  const double: KubeApiDouble = {
    url,
    token: options.token,
    users,
    rules,
    requests,
    createPod: (podOptions) => {
      const key = `${podOptions.namespace ?? 'jobs'}/${podOptions.name}`;
      if (pods.has(key)) throw new Error(`there is a pod ${key} already`);
      const pod = new PodDouble(podOptions, world, statusLag, () => {
        if (pods.get(key) === pod) pods.delete(key);
      });
      pods.set(key, pod);
      namespaces.add(pod.namespace);
      return pod;
    },
    kubeconfig: async () => {
      dir ??= await mkdtemp(join(tmpdir(), 'cordwood-kube-'));
      const file = join(dir, 'config');
      await writeFile(file, kubeconfigText(url, double.token), { mode: 0o600 });
      return file;
    },
    fault: (rule) => faults.add(rule),
    dropLogs: (match = () => true) => {
      for (const [response, request] of logs) if (match(request)) response.socket?.resetAndDestroy();
    },
    get down() {
      return down;
    },
    set down(value) {
      down = value;
      if (down) server.closeAllConnections();
    },
    count: (kind) => requests.filter((request) => request.kind === kind).length,
    get openLogs() {
      return logs.size;
    },
    get openFollows() {
      return [...logs.values()].filter(({ query }) => query.get('follow') === 'true').length;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      if (dir !== undefined) await rm(dir, { recursive: true, force: true });
    },
  };
  return double;
}

/** Times of the clock to the nanosecond, each later than the one before. */
function uniqueTimes(clock: () => number): () => string {
  let lastMs = -Infinity;
  let nanos = 0;
  return () => {
    const ms = Math.max(lastMs, Math.floor(clock()));
    nanos = ms === lastMs ? nanos + 1 : 0;
    lastMs = ms;
    return formatTime({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 + nanos });
  };
}

function requestOf(incoming: IncomingMessage): KubeApiRequest {
  const { pathname: path, searchParams: query } = new URL(incoming.url ?? '/', 'http://kubernetes');
  const method = incoming.method ?? 'GET';
  const [, inNamespace, inPod, log] = /^\/api\/v1\/namespaces\/([^/]+)\/pods(?:\/([^/]+)(\/log)?)?$/.exec(path) ?? [];
  const namespace = inNamespace && decodeURIComponent(inNamespace);
  const pod = inPod && decodeURIComponent(inPod);
  return { kind: kindOf(), method, path, query, namespace, pod };

  function kindOf(): KubeRequestKind {
    if (method === 'POST' && path === '/apis/authentication.k8s.io/v1/tokenreviews') return 'tokenreview';
    if (method === 'POST' && path === '/apis/authorization.k8s.io/v1/subjectaccessreviews') return 'accessreview';
    if (method !== 'GET') return 'other';
    if (log !== undefined) return 'log';
    if (pod !== undefined) return 'pod';
    if (namespace !== undefined || path === '/api/v1/pods') return 'pods';
    if (/^\/api\/v1\/namespaces(\/[^/]+)?$/.test(path)) return 'namespaces';
    if (path === '/version') return 'version';
    return discovery(path) === undefined ? 'other' : 'discovery';
  }
}

async function jsonBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks = (await incoming.toArray()) as Buffer[];
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function kubeconfigText(server: string, token: string | undefined): string {
  // Clients of Kubernetes send no token to a server without TLS; the library that Cordwood uses does.
  const cluster = { server, ...(server.startsWith('https:') && { 'insecure-skip-tls-verify': true }) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'double', cluster }],
    users: [{ name: 'tester', user: { ...(token !== undefined && { token }) } }],
    contexts: [{ name: 'double', context: { cluster: 'double', user: 'tester', namespace: 'jobs' } }],
    'current-context': 'double',
  });
}
