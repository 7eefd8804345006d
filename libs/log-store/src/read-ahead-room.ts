import { BufferPool } from './buffer-pool.ts';

/** Ms after which what nobody has asked for makes room for others: its reader is slow, and gains nothing by it. */
const STALLED = 10_000;

/** Some bytes of the room, until they are released. */
export interface Place {
  /** They are being read: from now on they make room for nobody. */
  readonly use: () => void;
  /** May be called again, to no effect. */
  readonly release: () => void;
}

interface Waiting {
  readonly since: number;
  readonly giveWay: () => void;
}

/** Bytes of buffers that are kept while they are not used. */
const FREE_BUFFERS = 8 * 1024 * 1024;

/** What all reads of a process together may hold of files that are not read yet, or just now. */
export class ReadAheadRoom {
  /** For what is needed no longer than it is read. */
  readonly buffers = new BufferPool(FREE_BUFFERS);
  #free: number;
  /** The oldest first. */
  readonly #waiting = new Set<Waiting>();
  readonly #now: () => number;

  /** `now`: a clock in ms that never goes back. */
  constructor(bytes: number, now = () => performance.now()) {
    this.#free = bytes;
    this.#now = now;
  }

  /** Undefined: there is no room now. `giveWay` is to release the place: it is called when others need the bytes more. */
  take(bytes: number, giveWay: () => void): Place | undefined {
    const now = this.#now();
    for (const oldest of this.#waiting) {
      if (this.#free >= bytes || now - oldest.since < STALLED) break;
      oldest.giveWay();
    }
    if (this.#free < bytes) return undefined;
    this.#free -= bytes;
    const waiting = { since: now, giveWay };
    this.#waiting.add(waiting);
    let held = bytes;
    return {
      use: () => void this.#waiting.delete(waiting),
      release: () => {
        this.#waiting.delete(waiting);
        this.#free += held;
        held = 0;
      },
    };
  }
}
