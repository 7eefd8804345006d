import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { ApiError } from '../errors/catalogue.ts';
import { toApiError } from '../errors/to-api-error.ts';
import { type Sending, sendError } from './send.ts';
import { SocketSender } from './socket-sender.ts';

export interface WebSocketsOptions {
  /** How often a peer is asked whether it is still there, in ms. */
  readonly pingInterval: number;
}

/** Accepted where it is offered. */
export const SUBPROTOCOL = 'logs.apolo.us';
/** What clients send is of no use to us: pings and pongs fit. */
const MAX_PAYLOAD = 4 * 1024;
const GOING_AWAY = 1001;
/** After that a peer that does not answer our closing is cut off, in ms. */
const CLOSE_TIMEOUT = 2_000;

interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
}

/**
 * WebSockets on the server that answers requests. A handshake goes through the same app as every request, so that whatever stands against
 * it is an answer like any other, with its status; only an operation that answers with messages opens a socket.
 */
export class WebSockets {
  readonly #server: WebSocketServer;
  readonly #pingInterval: number;
  readonly #upgrades = new WeakMap<IncomingMessage, Upgrade>();
  /** Headers of handshakes that are being answered. */
  readonly #headers = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>();
  readonly #refused = new WeakMap<IncomingMessage, Error>();
  readonly #senders = new Map<SocketSender, Promise<void>>();
  /** Whatever became of the handshakes on them: the server does not count them any more. */
  readonly #connections = new Set<Socket>();

  constructor({ pingInterval }: WebSocketsOptions) {
    this.#pingInterval = pingInterval;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: MAX_PAYLOAD,
      // Compressing for each client by itself costs memory and time for text that is sent once.
      perMessageDeflate: false,
      // A subprotocol that we do not know is not answered: the client may go on without, or not.
      handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
    });
    this.#server.on('headers', (lines, request) => {
      for (const [name, value] of Object.entries(this.#headers.get(request) ?? {})) lines.push(`${name}: ${value}`);
    });
    this.#server.on('wsClientError', (error, _socket, request) => {
      this.#refused.set(request, error);
    });
  }

  /** Lets handshakes on the server go through the app. */
  attach(server: Server, app: RequestListener): void {
    server.on('upgrade', (request, _stream, head) => {
      const { socket } = request;
      const response = new ServerResponse(request);
      this.#upgrades.set(request, { socket, head });
      // It is out of the server's hands, which would do all this for an ordinary request.
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      const drained = () => response.emit('drain');
      socket.on('drain', drained);
      socket.on('error', ignore);
      response.once('finish', () => {
        socket.destroySoon();
      });
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
      app(request, response);
    });
  }

  /** Whether the request wants a WebSocket. */
  isUpgrade(request: IncomingMessage): boolean {
    return this.#upgrades.has(request) && request.headers.upgrade?.toLowerCase() === 'websocket';
  }

  /** Opens the socket and sends the messages. Resolves when it is closed; never rejects. */
  async send(
    to: Sending,
    headers: Readonly<Record<string, string>>,
    messages: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { response, exchange } = to;
    const socket = this.#open(to, { ...ofResponse(response), ...headers });
    if (socket === undefined) {
      await endOf(messages);
      return;
    }
    const sender = new SocketSender(socket, {
      pingInterval: this.#pingInterval,
      onSent: (bytes) => exchange.sent(bytes),
    });
    socket.once('close', () => {
      exchange.close({ status: 101, complete: sender.complete });
    });
    const sending = sender.send(messages, (error) => exchange.failed(toApiError(error), { broken: true }));
    this.#senders.set(sender, sending);
    try {
      await sending;
    } finally {
      this.#senders.delete(sender);
    }
  }

  /** Closes every socket, telling the peers that the server goes away; cuts off those that do not answer. */
  async close(): Promise<void> {
    for (const sender of this.#senders.keys()) sender.close(GOING_AWAY, 'the server stops', CLOSE_TIMEOUT);
    await Promise.all(this.#senders.values());
    for (const socket of this.#connections) socket.destroy();
  }

  #open(to: Sending, headers: Readonly<Record<string, string>>): WebSocket | undefined {
    const { request, response, exchange } = to;
    const upgrade = this.#upgrades.get(request);
    if (upgrade === undefined) throw new Error('a WebSocket for a request that asked for none');
    if (exchange.signal.aborted) return undefined;
    let opened: WebSocket | undefined;
    this.#headers.set(request, headers);
    // It calls back at once, or says what is wrong with the handshake at once.
    this.#server.handleUpgrade(request, upgrade.socket, upgrade.head, (socket) => {
      opened = socket;
    });
    if (opened !== undefined) {
      response.detachSocket(upgrade.socket);
      return opened;
    }
    const reason = this.#refused.get(request);
    if (reason !== undefined)
      sendError(to, new ApiError('malformed_request', `no WebSocket handshake: ${reason.message}`));
    return undefined;
  }
}

/** What stands in the answer already. */
const ofResponse = (response: ServerResponse): Record<string, string> =>
  Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));

/** An error of the connection is followed by its close, which is what we look at. */
const ignore = (): void => undefined;

async function endOf(messages: AsyncIterable<Uint8Array>): Promise<void> {
  await messages[Symbol.asyncIterator]().return?.();
}
