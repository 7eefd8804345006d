import { WebSocket } from 'ws';
import { toApiError } from '../errors/to-api-error.ts';

export interface SocketSenderOptions {
  /** In ms. */
  readonly pingInterval: number;
  readonly onSent: (bytes: number) => void;
}

/** The largest message. */
const MESSAGE = 64 * 1024;
/** What may wait for a peer that is slower than we are, at most. */
const BUFFERED = 1024 * 1024;
/** So many pings in a row a peer may leave unanswered that has data to take before them, and takes none of it. */
const PATIENCE = 4;
/** Of the peer's buffers, from the standard: a close frame holds that many bytes at most, two of them the code. */
const REASON = 123;

const NORMAL = 1000;
const FAILED = 1011;
const POLICY = 1008;
const GOING_AWAY = 1001;

/** Sends one stream of bytes to one peer, and closes. */
export class SocketSender {
  /** Whether the closing said why; false when the peer left. */
  complete = false;
  readonly #socket: WebSocket;
  readonly #options: SocketSenderOptions;
  readonly #closed: Promise<void>;
  #waiting = 0;
  #onTaken: (() => void) | undefined;
  /** Pings since the peer was last heard of: it answered one, or took something. */
  #unanswered = 0;

  constructor(socket: WebSocket, options: SocketSenderOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#onTaken?.();
        resolve();
      }),
    );
    // Its close follows.
    socket.on('error', () => undefined);
    socket.on('pong', () => (this.#unanswered = 0));
  }

  /** Sends it all, then closes. `onFailure` gets what the messages threw. Resolves when the socket is closed. */
  async send(messages: AsyncIterable<Uint8Array>, onFailure: (error: unknown) => void): Promise<void> {
    const pings = setInterval(() => {
      this.#ping();
    }, this.#options.pingInterval);
    try {
      for await (const bytes of messages) {
        for (let from = 0; from < bytes.length; from += MESSAGE) {
          if (this.#socket.readyState !== WebSocket.OPEN) break;
          await this.#sendMessage(bytes.subarray(from, from + MESSAGE));
        }
        if (this.#socket.readyState !== WebSocket.OPEN) break;
      }
      // Closing has a time limit of its own, which is not for what a slow peer has still to take.
      await this.#untilWaiting(0);
      this.close(NORMAL, '');
    } catch (error) {
      // What the peer's leaving broke off is no failure.
      if (this.#socket.readyState === WebSocket.OPEN) {
        onFailure(error);
        const { code, message } = toApiError(error);
        const why = code === 'stream_too_long' ? POLICY : code === 'server_stopping' ? GOING_AWAY : FAILED;
        this.close(why, `${code}: ${message}`);
      }
    } finally {
      await this.#closed;
      clearInterval(pings);
    }
  }

  /** Closes after what was sent already. A peer that does not answer within `timeoutMs` (default: what `ws` allows) is cut off. */
  close(code: number, reason: string, timeoutMs?: number): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.complete = true;
    this.#socket.close(code, shortened(reason));
    if (timeoutMs === undefined) return;
    const cut = setTimeout(() => {
      this.#socket.terminate();
    }, timeoutMs);
    void this.#closed.then(() => {
      clearTimeout(cut);
    });
  }

  /** Resolves when more may be sent. */
  async #sendMessage(bytes: Uint8Array): Promise<void> {
    this.#waiting += bytes.length;
    this.#options.onSent(bytes.length);
    this.#socket.send(bytes, { binary: true }, () => {
      this.#waiting -= bytes.length;
      this.#unanswered = 0;
      this.#onTaken?.();
    });
    await this.#untilWaiting(BUFFERED);
  }

  /** Resolves when no more than that waits for the peer, or the peer has left. */
  async #untilWaiting(bytes: number): Promise<void> {
    while (this.#waiting > bytes && this.#socket.readyState === WebSocket.OPEN) {
      await new Promise<void>((resolve) => (this.#onTaken = resolve));
    }
  }

  #ping(): void {
    if (this.#unanswered >= (this.#waiting > 0 ? PATIENCE : 1)) {
      this.#socket.terminate();
      return;
    }
    this.#unanswered++;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }
}

/** As many whole characters as fit. */
function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > REASON) text = text.slice(0, -1);
  return text.isWellFormed() ? text : text.slice(0, -1);
}
