import { bufferSize } from './buffer-pool.ts';
import { type ExpectedObject, HeldObject } from './held-object.ts';
import type { GetOptions, ObjectBody, ReadableStore } from './object-store.ts';
import type { Holder, ReadAheadRoom } from './read-ahead-room.ts';

const MIB = 1024 * 1024;

/** Bytes that one read has ahead of it; one object may be larger. Some files of a minute, or one or two merged ones. */
const WINDOW = 4 * MIB;
/** Objects that one read has ahead of it at most: where they are small, it is the requests that take time. */
const OBJECTS = 8;
/** Larger objects are not fetched ahead: beside the time that they take, a request's is little. */
const LARGEST = 8 * MIB;

/**
 * Gets objects for one read of a log, which takes them one after the other: while one is used, those that are expected next are fetched. These
 * are taken into memory as they come, so that a slow reader keeps no connection waiting but that of its first object (docs/adr/0024). What could
 * not be fetched is got again when it is asked for.
 */
export class ReadAhead implements ReadableStore, Holder {
  lastActive = 0;
  readonly #store: ReadableStore;
  readonly #room: ReadAheadRoom;
  readonly #signal: AbortSignal | undefined;
  readonly #next = new Map<string, ExpectedObject>();
  readonly #ahead = new Map<string, HeldObject>();
  /** How many objects are wanted ahead. It grows each time that one was waited for all the same. */
  #depth = 1;
  #isClosed = false;

  /** `signal`: ends what is fetched ahead. */
  constructor(store: ReadableStore, room: ReadAheadRoom, signal?: AbortSignal) {
    this.#store = store;
    this.#room = room;
    this.#signal = signal;
  }

  /** Tells what is going to be read, one after the other. There may be several such sequences; the last word on what follows an object counts. */
  expect(objects: readonly ExpectedObject[]): void {
    let before: ExpectedObject | undefined;
    for (const object of objects) {
      if (before !== undefined) this.#next.set(before.key, object);
      before = object;
    }
  }

  /** Throws what the store throws at the time of asking, or later. */
  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    this.lastActive = this.#room.now();
    const { start, end, ifMatch, signal } = options;
    const held = this.#ahead.get(key);
    const isMeant = start === undefined && end === undefined && held?.object.ifMatch === ifMatch;
    if (held === undefined || !isMeant) return this.#store.get(key, options);
    this.#ahead.delete(key);
    return (await this.#open(held, signal)) ?? this.#store.get(key, options);
  }

  /**
   * The pieces of what is made of the object. While the second one is made, or what comes after the only one, those objects are fetched that are
   * expected after it: a reader that comes so far is likely to go on.
   */
  async *following<T>(key: string, pieces: AsyncIterable<T>): AsyncGenerator<T> {
    let isFirst = true;
    for await (const piece of pieces) {
      yield piece;
      this.lastActive = this.#room.now();
      if (isFirst) this.#fetchAfter(key);
      isFirst = false;
    }
    if (isFirst) this.#fetchAfter(key);
  }

  /** Lets go of what is not used, and fetches less from now on. */
  giveWay(): void {
    this.#depth = 1;
    for (const held of this.#ahead.values()) held.close();
    this.#ahead.clear();
  }

  /** Forgets what was expected: something else is going to be read. */
  clear(): void {
    this.giveWay();
    this.#next.clear();
  }

  /** The read is over, and so is all that belongs to it. */
  close(): void {
    this.#isClosed = true;
    this.clear();
    this.#room.leave(this);
  }

  /** Undefined: it is to be got by itself. */
  async #open(held: HeldObject, signal: AbortSignal | undefined): Promise<ObjectBody | undefined> {
    let body: ObjectBody | undefined;
    try {
      signal?.throwIfAborted();
      if (held.state === 'coming') this.#depth = Math.min(2 * this.#depth, OBJECTS);
      if (held.state === 'failed') this.#depth = 1;
      // What went wrong before anybody waited for it may have passed.
      else body = await held.open(signal);
      return body;
    } finally {
      if (body === undefined) held.close();
    }
  }

  #fetchAfter(key: string): void {
    if (this.#isClosed) return;
    let object = this.#next.get(key);
    let bytes = 0;
    for (let count = 0; object !== undefined && count < this.#depth; count++) {
      bytes += object.size;
      if (object.size > LARGEST || (count > 0 && bytes > WINDOW)) return;
      if (!this.#ahead.has(object.key) && !this.#fetch(object)) return;
      object = this.#next.get(object.key);
    }
  }

  /** False: there is no room. */
  #fetch(object: ExpectedObject): boolean {
    const release = this.#room.take(bufferSize(object.size), this);
    if (release === undefined) return false;
    const options = { store: this.#store, buffers: this.#room.buffers, signal: this.#signal, onClosed: release };
    this.#ahead.set(object.key, new HeldObject(object, options));
    return true;
  }
}
