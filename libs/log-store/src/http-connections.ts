import type { HttpRequest } from '@smithy/types';
import { BufferPool } from './buffer-pool.ts';
import { escapeUri } from './escape-uri.ts';
import { HttpConnection, type HttpResponse, type Origin, TimeoutError } from './http-connection.ts';

export interface HttpConnectionsOptions {
  /** Connections at the same time; further requests wait for a free one. */
  readonly maxSockets: number;
  /** Ms to get connected, waiting for a free connection included. */
  readonly connectTimeout: number;
  /** Ms without a byte in either direction before an answer is given up. */
  readonly idleTimeout: number;
}

/** More is seldom there at once; and it is what a body is handed on in, where it is not filled into a buffer. */
const READ_BUFFER = 128 * 1024;
/** Bytes of buffers for first pieces of bodies that are kept while none waits in them. */
const FREE_BUFFERS = 1024 * 1024;

interface Free {
  readonly connection: HttpConnection;
  readonly origin: string;
  /** When it must not be used any more: `performance.now()`. */
  readonly until: number;
}

/** Sends requests over connections that are kept. Like Node's agent, but what comes is read into one buffer (docs/adr/0019). */
export class HttpConnections {
  readonly #options: HttpConnectionsOptions;
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER);
  readonly #buffers = new BufferPool(FREE_BUFFERS);
  readonly #open = new Set<HttpConnection>();
  /** The one that was used last is used first. */
  #free: Free[] = [];
  /** Requests that wait for a connection to be free, or closed. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: HttpConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the head of the answer has come. Its body is read to its end or closed. An abort ends the connection, also while the body comes.
   * A body of the request is bytes, which its head announces.
   */
  async send(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const head = headOf(request);
    const connection = this.#takeFree(nameOf(request)) ?? (await this.#wait(request, signal));
    return connection.send(head, request.body as Uint8Array | undefined, signal);
  }

  close(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #takeFree(origin: string): HttpConnection | undefined {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      if (free.origin === origin && free.until > performance.now()) return free.connection;
      free.connection.destroy();
    }
    return undefined;
  }

  /** A connection that is free after a while, or a new one once there may be one more. */
  async #wait(origin: Origin, signal: AbortSignal | undefined): Promise<HttpConnection> {
    const { maxSockets, connectTimeout } = this.#options;
    const giveUp = new AbortController();
    const timer = setTimeout(
      () => giveUp.abort(new TimeoutError(`not connected in ${connectTimeout} ms`)),
      connectTimeout,
    );
    const over = signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]);
    try {
      while (this.#open.size >= maxSockets) {
        await this.#turn(over);
        const free = this.#takeFree(nameOf(origin));
        if (free !== undefined) return free;
      }
      return await this.#connect(origin).ready(over);
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(origin: Origin): HttpConnection {
    const connection = new HttpConnection(origin, {
      readBuffer: this.#readBuffer,
      buffers: this.#buffers,
      idleTimeout: this.#options.idleTimeout,
      onFree: (freed, freeForMs) => {
        this.#free.push({ connection: freed, origin: nameOf(origin), until: performance.now() + freeForMs });
        this.#waiting.shift()?.();
      },
      onClosed: (closed) => {
        this.#open.delete(closed);
        this.#free = this.#free.filter(({ connection: free }) => free !== closed);
        this.#waiting.shift()?.();
      },
    });
    this.#open.add(connection);
    return connection;
  }

  /** Waits until a connection is free, or closed. */
  async #turn(over: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
        reject(over.reason as Error);
      };
      over.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(resolve);
    });
  }
}

const nameOf = ({ protocol, hostname, port }: Origin): string => `${protocol}//${hostname}:${port ?? ''}`;

/** What may not stand in a head: it would begin another line. */
const CONTROL = /[^\t\x20-\x7e\x80-\xff]/;

function headOf({ method, path, query, headers }: HttpRequest): string {
  const lines = [
    `${method} ${path}${queryOf(query)} HTTP/1.1`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  if (lines.some((line) => CONTROL.test(line))) throw new TypeError('a request with control characters');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function queryOf(query: HttpRequest['query'] = {}): string {
  const pairs = Object.entries(query).map(([name, value]) => `${escapeUri(name)}=${escapeUri(String(value ?? ''))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
