import { setTimeout as delay } from 'node:timers/promises';
import { type BodyConnection, ENDED } from './body-connection.ts';
import { StoreError, type StoreErrorDetails, StoreUnavailableError } from './errors.ts';

/** A body whose first connection is open. */
export interface BodySource {
  readonly first: BodyConnection;
  /** Bytes that the whole body must have. */
  readonly size: number;
  /** The rest from this position (counted from the body's own start), of the very same object; rejects if that is gone or replaced. */
  reopen(position: number): Promise<BodyConnection>;
  readonly details: StoreErrorDetails;
  readonly signal?: AbortSignal | undefined;
  readonly retryDelay?: number | undefined;
}

/** Times in a row that a body is taken up again … */
const MAX_RESUMES = 4;
/** … a row ends when this much has come without a break, */
const PROGRESS = 1024 * 1024;
/** or when the reader held us up so long (ms) that the break is likely its own doing: stores and idle timeouts cut connections that stand still. */
const SLOW_READER = 5_000;
const RETRY_DELAY = 100;

/**
 * A body that is resumed where a connection broke off. It ends only when all of `size` has been given out, and throws otherwise. Whatever way
 * reading ends, the connection is closed.
 */
export class ResumedBody {
  readonly #source: BodySource;
  #connection: BodyConnection;
  #position = 0;
  #sinceBreak = 0;
  #resumes = 0;
  #isUsed = false;

  constructor(source: BodySource) {
    this.#source = source;
    this.#connection = source.first;
  }

  /** The body as chunks. */
  readonly chunks: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => {
      this.#use();
      let isOver = false;
      let givenAt = Infinity;
      return {
        next: async () => {
          if (performance.now() - givenAt > SLOW_READER) this.#resumes = 0;
          const value = isOver ? undefined : await this.#closing(() => this.#next());
          givenAt = performance.now();
          isOver = value === undefined;
          return value === undefined ? { done: true, value } : { done: false, value };
        },
        return: async () => {
          isOver = true;
          this.#connection.close();
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };

  /** All of it, in `target` when that is large enough, else in an array of its own. */
  async bytes(target?: Uint8Array, onFilled?: (bytes: number) => void): Promise<Uint8Array> {
    this.#use();
    const { size } = this.#source;
    const bytes = target !== undefined && target.length >= size ? target.subarray(0, size) : Buffer.allocUnsafe(size);
    await this.#closing(async () => {
      for (let isOver = false; !isOver;) {
        const { end, broken } = await this.#connection.fill(bytes, this.#position, onFilled);
        isOver = await this.#came(end - this.#position, broken);
      }
    });
    return bytes;
  }

  #use(): void {
    if (this.#isUsed) throw new StoreError('the body was already read', this.#source.details);
    this.#isUsed = true;
  }

  async #closing<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      let chunk: Uint8Array | undefined;
      let broken: unknown = ENDED;
      try {
        chunk = await this.#connection.next();
      } catch (error) {
        broken = error;
      }
      // Read to its very end, not just to the last byte: else the connection could not be used again.
      if (await this.#came(chunk?.length ?? 0, chunk === undefined ? broken : undefined)) return undefined;
      if (chunk !== undefined) return chunk;
    }
  }

  /** Counts what came, and goes on with a new connection when the old one ended too early. Gives whether all has come. */
  async #came(bytes: number, ended: unknown): Promise<boolean> {
    const { size, signal, details } = this.#source;
    signal?.throwIfAborted();
    this.#position += bytes;
    this.#sinceBreak += bytes;
    if (this.#position > size) throw new StoreError(`more than the announced ${size} bytes`, details);
    if (this.#sinceBreak >= PROGRESS) this.#resumes = 0;
    if (ended === undefined) return false;
    this.#connection.close();
    if (this.#position < size) await this.#resume(ended);
    return this.#position === size;
  }

  /** Opens a new connection that goes on, after a pause that grows with the resumes so far. */
  async #resume(broken: unknown): Promise<void> {
    const { signal, size, details, retryDelay = RETRY_DELAY } = this.#source;
    while (this.#resumes++ < MAX_RESUMES) {
      await delay(retryDelay * 2 ** (this.#resumes - 1), undefined, signal && { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
      try {
        this.#connection = await this.#source.reopen(this.#position);
        this.#sinceBreak = 0;
        return;
      } catch (error) {
        // Anything else (the object replaced, gone, forbidden) stays so.
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
    }
    const message = `the body broke off after ${this.#position} of ${size} bytes: ${String(broken)}`;
    throw new StoreUnavailableError(message, { ...details, cause: broken });
  }
}
