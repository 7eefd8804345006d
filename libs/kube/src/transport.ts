import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeError, KubeUnavailableError } from './errors.ts';

export interface TransportOptions {
  /** How long connecting and, unless the request says otherwise, waiting for an answer's head may take, in ms. */
  readonly timeoutMs: number;
  /** Connections that may be open at once; further requests wait for one. */
  readonly maxConnections: number;
}

export interface TransportRequest {
  readonly method?: 'GET' | 'POST' | undefined;
  /** Path and query. */
  readonly path: string;
  readonly accept?: string | undefined;
  readonly body?: string | undefined;
  /** How long the answer's head may take, in ms, connecting included; `Infinity`: as long as it likes. Default: the transport's. */
  readonly answerTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A dead peer is noticed 40 s after its last packet: libuv probes 10 times, a second apart, after this many ms. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * Sends requests with the credentials of a kubeconfig. Authentication is the library's; the rest is not, since it makes a new pool of
 * connections for every single request, gives up on answers that take their time, and reads what should stream.
 */
export class Transport {
  private readonly config: KubeConfig;
  private readonly options: TransportOptions;
  private readonly server: URL;
  /** Node keeps connections with other certificates apart. */
  private readonly agent: HttpAgent;

  constructor(config: KubeConfig, options: TransportOptions) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error('the kubeconfig names no cluster');
    this.config = config;
    this.options = options;
    this.server = new URL(server);
    const pool = { keepAlive: true, maxSockets: options.maxConnections };
    this.agent = this.server.protocol === 'http:' ? new HttpAgent(pool) : new HttpsAgent(pool);
  }

  /**
   * Resolves with the answer, whatever its status, when its head has come; its body is for the caller to read or destroy.
   * @throws KubeUnavailableError when there is none, KubeError when there are no credentials; the signal's reason when that aborts
   */
  async send(request: TransportRequest): Promise<IncomingMessage> {
    const { signal } = request;
    signal?.throwIfAborted();
    const credentials = await abortable(this.credentials(), signal);
    for (;;) {
      const answer = await this.exchange(request, credentials);
      if (answer !== 'stale') return answer;
    }
  }

  /** Closes idle connections, and those in use. */
  close(): void {
    this.agent.destroy();
  }

  private async credentials(): Promise<RequestOptions> {
    const options: RequestOptions = { headers: {} };
    try {
      await this.config.applyToHTTPSOptions(options);
    } catch (error) {
      // What plugins write on stderr may be anything: it is not for users.
      throw new KubeError('no credentials for Kubernetes could be had', { detail: messageOf(error), cause: error });
    }
    // A proxy is the library's business, as agent; without one our own agent keeps connections for the next request.
    if (!this.config.getCurrentCluster()?.proxyUrl) options.agent = this.agent;
    return options;
  }

  /**
   * `stale`: the kept connection that was used had been closed by the other side meanwhile. It is gone by then, and what we send may
   * safely be sent twice, so try the next one.
   */
  private exchange(request: TransportRequest, credentials: RequestOptions): Promise<IncomingMessage | 'stale'> {
    const { method = 'GET', path, accept = 'application/json', body, signal } = request;
    const { timeoutMs } = this.options;
    const answerTimeoutMs = request.answerTimeoutMs ?? timeoutMs;
    const { hostname, port, protocol, pathname } = this.server;
    const headers: Record<string, string> = { accept };
    for (const [name, value] of Object.entries(credentials.headers ?? {})) headers[name] = String(value).trim();
    if (body !== undefined) headers['content-type'] = 'application/json';
    return new Promise((resolve, reject) => {
      const outgoing = (protocol === 'http:' ? httpRequest : httpsRequest)({
        ...credentials,
        // URLs have brackets around IPv6 addresses, sockets have not.
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path: pathname.replace(/\/$/, '') + path,
        headers,
        ...(signal && { signal }),
      });
      const giveUp = (what: string) => () => outgoing.destroy(new Error(`${what} took too long`));
      const connecting = setTimeout(giveUp('connecting'), timeoutMs);
      const answering = answerTimeoutMs === Infinity ? undefined : setTimeout(giveUp('the answer'), answerTimeoutMs);
      const settle = () => {
        clearTimeout(connecting);
        clearTimeout(answering);
      };
      outgoing.once('socket', (socket) => {
        // What waits for a free connection is not connecting yet, and a kept one is connected.
        connecting.refresh();
        socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
        // Who aborts just as the answer ends destroys a socket that is nobody's any more, and an error that nobody hears ends the process.
        socket.off('error', ignore).on('error', ignore);
        if (!socket.connecting) clearTimeout(connecting);
        else socket.once(protocol === 'http:' ? 'connect' : 'secureConnect', () => clearTimeout(connecting));
      });
      outgoing.once('response', (answer: IncomingMessage) => {
        settle();
        resolve(answer);
      });
      // Not once: a request may fail twice, and an error that nobody hears ends the process.
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        settle();
        if (signal?.aborted === true) reject(signal.reason as Error);
        else if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve('stale');
        else reject(unreachable(error));
      });
      outgoing.end(body);
    });
  }
}

const ignore = (): void => undefined;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unreachable = (error: NodeJS.ErrnoException): KubeUnavailableError =>
  new KubeUnavailableError('Kubernetes cannot be reached', { detail: error.code ?? error.message, cause: error });

/** The promise, or the signal's reason as soon as that aborts. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
