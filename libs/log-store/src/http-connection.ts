import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BufferPool } from './buffer-pool.ts';
import { HttpAnswer, type HttpHead } from './http-answer.ts';
import { HttpBody } from './http-body.ts';

/** Where a connection leads to. */
export interface Origin {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
}

/** An answer whose head has come. */
export interface HttpResponse extends HttpHead {
  readonly body: HttpBody;
}

export interface HttpConnectionOptions {
  /** Where bytes are read to. It may be the same for all connections: what is in it is used at once. */
  readonly readBuffer: Buffer;
  /** For what is read before it is known where it is to go. */
  readonly buffers: BufferPool;
  /** Ms without a byte in either direction before an answer is given up. */
  readonly idleTimeout: number;
  /** Called when another request may be sent, with for how many ms at most the connection may wait for it. */
  readonly onFree: (connection: HttpConnection, freeForMs: number) => void;
  /** Called once. */
  readonly onClosed: (connection: HttpConnection) => void;
}

/** How the AWS SDK calls what took too long, and may be tried again. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Servers that do not say how long they keep a connection that nothing is sent over do so for a minute, or for longer than we do. */
const FREE_FOR = 15_000;
/** A request must reach the server before it closes the connection. */
const ON_THE_WAY = 1_000;

interface Exchange {
  readonly answer: HttpAnswer;
  readonly body: HttpBody;
  readonly answered: (response: HttpResponse) => void;
  readonly failed: (error: Error) => void;
  /** Called when the connection is done with it. */
  readonly over: () => void;
}

/** A connection to an HTTP server: one request after the other. */
export class HttpConnection {
  private readonly opened: Promise<void>;
  private readonly options: HttpConnectionOptions;
  private readonly socket: Socket;
  private exchange: Exchange | undefined;
  private error: Error | undefined;

  constructor(origin: Origin, options: HttpConnectionOptions) {
    this.options = options;
    const onread = { buffer: options.readBuffer, callback: (bytes: number) => this.received(bytes) };
    const socket = open(origin, onread);
    this.socket = socket;
    socket.setNoDelay(true).setKeepAlive(true);
    this.opened = new Promise((resolve, reject) => {
      socket.once(origin.protocol === 'https:' ? 'secureConnect' : 'connect', resolve);
      socket.once('close', () => {
        this.closed();
        reject(this.error ?? hungUp());
      });
    });
    // Who opened it may have given it up.
    this.opened.catch(() => undefined);
    socket.on('error', (error) => (this.error ??= error));
    socket.on('timeout', () =>
      socket.destroy(this.exchange && new TimeoutError(`no byte came in ${options.idleTimeout} ms`)),
    );
  }

  /** Resolves when requests can be sent; an abort before that ends the connection. */
  async ready(signal: AbortSignal): Promise<this> {
    const abort = (): void => this.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.opened;
      return this;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /**
   * Sends a request. Resolves when the head of the answer has come; `content` is not to be changed before that. An abort ends the connection, also
   * while the body comes.
   */
  async send(head: string, content: Uint8Array | undefined, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const { socket } = this;
    const abort = (): void => this.destroy(new Error('the request was aborted'));
    signal?.addEventListener('abort', abort, { once: true });
    const over = (): void => signal?.removeEventListener('abort', abort);
    return new Promise((answered, failed) => {
      const feed = { resume: () => socket.resume(), abandon: () => socket.destroy() };
      const body = new HttpBody(feed, this.options.buffers);
      const answer = new HttpAnswer((bytes, from, to) => body.take(bytes, from, to));
      this.exchange = { answer, body, answered, failed, over };
      if (socket.destroyed) {
        this.closed();
        return;
      }
      socket.ref();
      socket.setTimeout(this.options.idleTimeout);
      // Together, so that a small request is one packet.
      socket.cork();
      socket.write(head, 'latin1');
      if (content !== undefined && content.length > 0) socket.write(content);
      socket.uncork();
    });
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  /** Gives whether more may come at once. */
  private received(bytes: number): boolean {
    const { exchange } = this;
    if (exchange === undefined) {
      this.destroy();
      return false;
    }
    const { answer, body } = exchange;
    const wasAnswered = answer.head !== undefined;
    try {
      answer.push(this.options.readBuffer, bytes);
    } catch (error) {
      this.destroy(error as Error);
      return false;
    }
    if (answer.head !== undefined && !wasAnswered) exchange.answered({ ...answer.head, body });
    if (answer.isOver) this.finished(exchange);
    return answer.isOver || body.wantsMore;
  }

  private finished({ answer, body, over }: Exchange): void {
    this.exchange = undefined;
    body.end();
    over();
    const freeForMs = freeFor(answer.head?.headers['keep-alive']);
    // An answer that came before all was sent: what follows would be taken for another request, or the server ends it.
    const isSent = this.socket.writableLength === 0;
    if (!answer.keepsConnection || !isSent || freeForMs <= 0) {
      this.destroy();
      return;
    }
    // Nothing waits for a connection that nothing is sent over.
    this.socket.setTimeout(freeForMs);
    this.socket.unref();
    this.options.onFree(this, freeForMs);
  }

  private closed(): void {
    const { exchange, error } = this;
    this.exchange = undefined;
    this.options.onClosed(this);
    if (exchange === undefined) return;
    const { answer, body, failed, over } = exchange;
    over();
    const isWhole = error === undefined && answer.end();
    body.end(isWhole ? undefined : (error ?? hungUp()));
    failed(error ?? hungUp());
  }
}

function open({ protocol, hostname, port }: Origin, onread: OnReadOpts): Socket {
  // As in a URL: an IPv6 address stands in brackets.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (protocol !== 'https:') return connectPlain({ host, port: port ?? 80, onread });
  // Node's types lack `onread` here.
  const options = { host, port: port ?? 443, ...(isIP(host) === 0 && { servername: host }), onread };
  return connectTls(options);
}

/** As Node's HTTP client has it. */
const hungUp = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

/** From the header `Keep-Alive: timeout=5`, in seconds. */
function freeFor(keepAlive: string | undefined): number {
  const [, seconds] = /\btimeout=(\d+)/.exec(keepAlive ?? '') ?? [];
  return seconds === undefined ? FREE_FOR : Math.min(FREE_FOR, Number(seconds) * 1000 - ON_THE_WAY);
}
