import { BufferPool } from './buffer-pool.ts';

/** Bytes of buffers that are kept while they are not used. */
const FREE_BUFFERS = 8 * 1024 * 1024;
/** Ms without asking for anything after which a read has to make room for others: who it is for is slow, and gains nothing by what waits. */
const STALLED = 10_000;

/** A read that holds bytes which it has not used yet. */
export interface Holder {
  /** When it asked for something last, by the room's clock. */
  readonly lastActive: number;
  /** Releases what it does not use. */
  giveWay(): void;
}

/** What all reads of a process together may hold of objects that are not used yet, or just now. */
export class ReadAheadRoom {
  /** What the bytes are held in. */
  readonly buffers = new BufferPool(FREE_BUFFERS);
  /** Ms, and never goes back. */
  readonly now: () => number;
  #free: number;
  readonly #holders = new Set<Holder>();

  /** `now`: for specs. */
  constructor(bytes: number, now = () => performance.now()) {
    this.#free = bytes;
    this.now = now;
  }

  /** Takes the bytes, if need be from others that are stalled. Gives how they are released; undefined: there is no room. */
  take(bytes: number, holder: Holder): (() => void) | undefined {
    for (const other of this.#holders) {
      if (this.#free >= bytes) break;
      if (other !== holder && this.now() - other.lastActive >= STALLED) other.giveWay();
    }
    if (this.#free < bytes) return undefined;
    this.#free -= bytes;
    this.#holders.add(holder);
    let held = bytes;
    return () => {
      this.#free += held;
      held = 0;
    };
  }

  /** The read is over. */
  leave(holder: Holder): void {
    this.#holders.delete(holder);
  }
}
