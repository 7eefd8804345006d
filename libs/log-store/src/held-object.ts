import type { BufferPool } from './buffer-pool.ts';
import type { GetOptions, ObjectBody, ReadableStore } from './object-store.ts';

/** An object that is going to be read whole. */
export interface ExpectedObject {
  readonly key: string;
  /** Stored bytes, at most. */
  readonly size: number;
  readonly ifMatch?: string;
}

export interface HeldObjectOptions {
  readonly store: ReadableStore;
  readonly buffers: BufferPool;
  /** Ends it. */
  readonly signal: AbortSignal | undefined;
  /** Called when its bytes are not held any more, perhaps more than once. */
  readonly onClosed: () => void;
}

/** What is handed on in one. */
const PIECE = 128 * 1024;

/** How it stands with an object that is fetched. */
type State = 'coming' | 'there' | 'failed' | 'too large';

/**
 * An object that is fetched into a buffer of the pool as fast as it comes, and read from there, also while it comes. Pieces are copies: they may be
 * kept, and the buffer is used again.
 */
export class HeldObject {
  readonly object: ExpectedObject;
  state: State = 'coming';
  readonly #buffers: BufferPool;
  readonly #onClosed: () => void;
  readonly #over = new AbortController();
  readonly #head: Promise<ObjectBody | undefined>;
  #buffer: Buffer | undefined;
  #filled = 0;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(object: ExpectedObject, { store, buffers, signal, onClosed }: HeldObjectOptions) {
    this.object = object;
    this.#buffers = buffers;
    this.#onClosed = onClosed;
    const { signal: over } = this.#over;
    this.#head = this.#fetch(store, signal === undefined ? over : AbortSignal.any([over, signal]));
  }

  /** Ends what is under way, and frees the buffer. Nothing is read any more. */
  close(): void {
    this.#over.abort();
    // What still comes is written there.
    if (this.state !== 'coming' && this.#buffer !== undefined) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#onClosed();
  }

  /** The object, once its beginning is there; undefined when it is larger than was said. Throws what the store threw. To be called once. */
  async open(signal: AbortSignal | undefined): Promise<ObjectBody | undefined> {
    const head = await this.#head;
    if (this.state === 'failed') throw this.#error;
    if (head === undefined) return undefined;
    const { etag, size, lastModified, metadata } = head;
    const chunks = this.#pieces(size, signal);
    const bytes = async (): Promise<Uint8Array> => {
      const all: Uint8Array[] = [];
      for await (const piece of chunks) all.push(piece);
      return Buffer.concat(all);
    };
    return { etag, size, lastModified, metadata, chunks, bytes };
  }

  async *#pieces(size: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    let at = 0;
    try {
      // To its very end, not just to the last byte: else the connection could not be used again.
      while (at < size || this.state !== 'there') {
        signal?.throwIfAborted();
        const end = Math.min(this.#filled, at + PIECE, size);
        if (end > at) {
          if (this.#buffer === undefined) throw new Error(`${this.object.key} was closed while it was read`);
          yield Buffer.from(this.#buffer.subarray(at, end));
          at = end;
        } else if (this.state === 'failed') throw this.#error;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.close();
    }
  }

  /** Never rejects. */
  async #fetch(store: ReadableStore, signal: AbortSignal): Promise<ObjectBody | undefined> {
    const { key, size, ifMatch } = this.object;
    const options: GetOptions = { signal, ...(ifMatch !== undefined && { ifMatch }) };
    try {
      const body = await store.get(key, options);
      if (body.size <= size) {
        void this.#fill(body);
        return body;
      }
      this.state = 'too large';
      // Ends the connection.
      await body.chunks[Symbol.asyncIterator]().return?.();
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  async #fill(body: ObjectBody): Promise<void> {
    const buffer = this.#buffers.take(body.size);
    this.#buffer = buffer;
    try {
      await body.bytes(buffer, (filled) => {
        this.#filled = filled;
        this.#wake?.();
      });
      this.#filled = body.size;
      this.state = 'there';
    } catch (error) {
      this.#fail(error);
    }
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#error = error;
    this.state = 'failed';
  }
}
