import { type BodyConnection, ENDED, type Filled } from './body-connection.ts';
import type { BufferPool } from './buffer-pool.ts';

/** How a body asks its connection for more, or for less. */
export interface BodyFeed {
  resume(): void;
  /** Ends the connection: nobody wants the rest. */
  abandon(): void;
}

/** A piece that waits to be taken, and the buffer of the pool that it is in. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly buffer?: Buffer;
}

/** Smaller pieces are not worth a buffer of the pool: a body may come in very many. */
const POOLED = 16 * 1024;

/**
 * The body of an answer that comes in pieces out of a buffer of the connection's. One that is filled into a target is copied there straight away:
 * no memory is taken for it. Else the connection is held up while a piece waits to be taken.
 */
export class HttpBody implements BodyConnection {
  private readonly feed: BodyFeed;
  private readonly buffers: BufferPool;
  private readonly waiting: Piece[] = [];
  private target: Uint8Array | undefined;
  private onFilled: ((end: number) => void) | undefined;
  private position = 0;
  /** Why no more comes. */
  private ended: unknown;
  private wake: (() => void) | undefined;

  /** `buffers`: for pieces that wait until it is known where they are to go, as the first one of each body does. */
  constructor(feed: BodyFeed, buffers: BufferPool) {
    this.feed = feed;
    this.buffers = buffers;
  }

  /** Whether more may come now. */
  get wantsMore(): boolean {
    return this.target !== undefined || this.waiting.length === 0;
  }

  /** Takes the next piece. */
  take(bytes: Buffer, from: number, to: number): void {
    if (this.target !== undefined) {
      this.write(bytes.subarray(from, to));
      return;
    }
    this.waiting.push(this.copied(bytes.subarray(from, to)));
    this.wake?.();
  }

  /** No more comes; `broken`: unless all has come. */
  end(broken?: Error): void {
    this.ended ??= broken ?? ENDED;
    this.wake?.();
  }

  async next(): Promise<Uint8Array | undefined> {
    while (this.waiting.length === 0 && this.ended === undefined) await this.more();
    // Whose it is from now on, its buffer too.
    const chunk = this.waiting.shift()?.bytes;
    if (chunk === undefined && this.ended !== ENDED) throw this.ended;
    // The next one comes while this one is used.
    if (this.waiting.length === 0 && this.ended === undefined) this.feed.resume();
    return chunk;
  }

  async fill(target: Uint8Array, at: number, onFilled?: (end: number) => void): Promise<Filled> {
    this.target = target;
    this.onFilled = onFilled;
    this.position = at;
    for (const { buffer, bytes } of this.waiting.splice(0)) {
      this.write(bytes);
      if (buffer !== undefined) this.buffers.give(buffer);
    }
    while (this.ended === undefined) await this.more();
    return { end: this.position, broken: this.ended };
  }

  close(): void {
    if (this.ended !== undefined) return;
    this.end(new Error('the body was given up'));
    this.feed.abandon();
  }

  private copied(piece: Buffer): Piece {
    if (piece.length < POOLED) return { bytes: Buffer.from(piece) };
    const buffer = this.buffers.take(piece.length);
    piece.copy(buffer);
    return { bytes: buffer.subarray(0, piece.length), buffer };
  }

  private write(piece: Uint8Array): void {
    const { target, position } = this;
    this.position += piece.length;
    if (target !== undefined && this.position <= target.length) target.set(piece, position);
    this.onFilled?.(this.position);
  }

  private async more(): Promise<void> {
    this.feed.resume();
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = undefined;
  }
}
