import { type BufferPool, bufferSize } from './buffer-pool.ts';
import type { GetOptions, ObjectBody, ReadableStore } from './object-store.ts';
import type { Place, ReadAheadRoom } from './read-ahead-room.ts';

/** An object that is going to be read whole. */
export interface ExpectedObject {
  readonly key: string;
  /** Stored bytes, at most: an object that turns out to be larger is not read ahead. */
  readonly size: number;
  readonly ifMatch?: string;
}

/** Bytes that one read has ahead of it; one object may be larger. Some files of a minute, or one or two merged ones. */
const WINDOW = 4 * 1024 * 1024;
/** Objects that one read has ahead of it at most: where they are small, it is the requests that take time. */
const OBJECTS = 8;

/** What is handed on in one. */
const PIECE = 128 * 1024;

/** An object's answer, and all its bytes. */
interface Held {
  readonly head: Omit<ObjectBody, 'chunks' | 'bytes'>;
  readonly bytes: Uint8Array;
  /** What they are in. */
  readonly buffer: Buffer;
}

interface Fetched {
  readonly object: ExpectedObject;
  readonly place: Place;
  readonly body: Promise<Held | undefined>;
  readonly isThere: () => boolean;
  readonly giveUp: () => void;
}

/**
 * Gets objects for one read of a log, which takes them one after the other: while one is used, those that are expected next are fetched. These
 * are held whole, so that a slow reader keeps no connection waiting but that of its first object (docs/adr/0024). What could not be fetched
 * is got again when it is asked for; that nobody asks for is let go by {@link ReadAhead.close}.
 */
export class ReadAhead implements ReadableStore {
  readonly #store: ReadableStore;
  readonly #room: ReadAheadRoom;
  readonly #signal: AbortSignal | undefined;
  readonly #next = new Map<string, ExpectedObject>();
  readonly #fetched = new Map<string, Fetched>();
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

  /** Throws what the store throws at the time of asking. */
  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    if (options.start !== undefined || options.end !== undefined) return this.#store.get(key, options);
    const fetched = await this.#take(key, options.ifMatch);
    if (fetched !== undefined) {
      this.#fetchAfter(key);
      return fetched;
    }
    const body = await this.#store.get(key, options);
    return { ...body, chunks: whenMoreIsWanted(body.chunks, () => this.#fetchAfter(key)) };
  }

  /** Lets go of what was fetched: it is not what will be read. */
  clear(): void {
    for (const { giveUp } of this.#fetched.values()) giveUp();
  }

  /** The read is over, and so is all that belongs to it. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }

  async #take(key: string, ifMatch: string | undefined): Promise<ObjectBody | undefined> {
    const fetched = this.#fetched.get(key);
    if (fetched === undefined || fetched.object.ifMatch !== ifMatch) return undefined;
    this.#fetched.delete(key);
    const { place } = fetched;
    place.use();
    if (!fetched.isThere()) this.#depth = Math.min(2 * this.#depth, OBJECTS);
    const held = await fetched.body;
    if (held === undefined) {
      place.release();
      return undefined;
    }
    return heldBody(held, () => {
      place.release();
      this.#room.buffers.give(held.buffer);
    });
  }

  #fetchAfter(key: string): void {
    if (this.#isClosed) return;
    let object = this.#next.get(key);
    let bytes = 0;
    for (let count = 0; object !== undefined && count < this.#depth; count++) {
      bytes += object.size;
      if (count > 0 && bytes > WINDOW) break;
      if (!this.#fetched.has(object.key) && !this.#fetch(object)) break;
      object = this.#next.get(object.key);
    }
  }

  /** False: there is no room. */
  #fetch(object: ExpectedObject): boolean {
    const { key, size } = object;
    const over = new AbortController();
    const giveUp = (): void => {
      this.#fetched.delete(key);
      over.abort();
      place?.release();
    };
    const place = this.#room.take(bufferSize(size), giveUp);
    if (place === undefined) return false;
    const signal = this.#signal === undefined ? over.signal : AbortSignal.any([over.signal, this.#signal]);
    // Why it could not be fetched is told by the next try, if there is one.
    let isThere = false;
    const body = fetchWhole(this.#store, object, this.#room.buffers, signal)
      .catch(() => undefined)
      .finally(() => (isThere = true));
    this.#fetched.set(key, { object, place, body, isThere: () => isThere, giveUp });
    return true;
  }
}

/** Undefined when it is larger than it was said to be. */
async function fetchWhole(
  store: ReadableStore,
  { key, size, ifMatch }: ExpectedObject,
  buffers: BufferPool,
  signal: AbortSignal,
): Promise<Held | undefined> {
  const body = await store.get(key, { signal, ...(ifMatch !== undefined && { ifMatch }) });
  if (body.size <= size) {
    const buffer = buffers.take(body.size);
    return { head: body, bytes: await body.bytes(buffer), buffer };
  }
  // Ends the connection.
  await body.chunks[Symbol.asyncIterator]().return?.();
  return undefined;
}

/** Its pieces are copies, which may be kept. `onUsed`: called once when the bytes are not needed any more. */
function heldBody({ head, bytes }: Held, onUsed: () => void): ObjectBody {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let at = 0; at < bytes.length; at += PIECE)
        yield Promise.resolve(Buffer.from(bytes.subarray(at, at + PIECE)));
    } finally {
      onUsed();
    }
  }
  const pieces = chunks();
  const whole = async (): Promise<Uint8Array> => {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece);
    return Buffer.concat(all);
  };
  return { ...head, chunks: pieces, bytes: whole };
}

/** The chunks. A reader that asks for the second one is likely to come to the end. */
async function* whenMoreIsWanted(chunks: AsyncIterable<Uint8Array>, call: () => void): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of chunks) {
    yield chunk;
    if (isFirst) call();
    isFirst = false;
  }
}
