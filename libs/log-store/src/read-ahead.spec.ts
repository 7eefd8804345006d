import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryObjectStore } from '@cordwood/testkit';
import { NotFoundError, PreconditionFailedError, StoreUnavailableError } from './errors.ts';
import { bufferSize } from './buffer-pool.ts';
import type { ExpectedObject } from './held-object.ts';
import type { GetOptions, ReadableStore } from './object-store.ts';
import { ReadAhead } from './read-ahead.ts';
import { ReadAheadRoom } from './read-ahead-room.ts';
import { collect } from './spec-support.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The store in memory gives chunks of some 64 KiB. */
const LARGE = 200 * KIB;

let store: MemoryObjectStore;
let room: ReadAheadRoom;
/** Keys that were asked for, in order. */
let asked: string[];
/** Objects whose answers are read at the moment. */
let open: number;
/** Turns of the event loop until an answer comes. */
let latency: number;
beforeEach(() => {
  store = new MemoryObjectStore();
  room = new ReadAheadRoom(20 * MIB);
  asked = [];
  open = 0;
  latency = 0;
});

/** The store, with its requests written down and its open bodies counted. */
const counting: ReadableStore = {
  get: async (key, options) => {
    asked.push(key);
    await turns(latency);
    const body = await store.get(key, options);
    open++;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      try {
        yield* body.chunks;
      } finally {
        open--;
      }
    }
    const bytes: typeof body.bytes = async (...args) => body.bytes(...args).finally(() => open--);
    return { ...body, chunks: chunks(), bytes };
  },
};

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

async function put(count: number, size: number): Promise<ExpectedObject[]> {
  const objects = [];
  for (let index = 0; index < count; index++) {
    const key = `object-${index.toString()}`;
    const { etag } = await store.put(key, Buffer.alloc(size, index));
    objects.push({ key, size, ifMatch: etag });
  }
  return objects;
}

const optionsOf = ({ ifMatch }: ExpectedObject): GetOptions => (ifMatch === undefined ? {} : { ifMatch });

async function* got(ahead: ReadAhead, object: ExpectedObject): AsyncGenerator<Uint8Array> {
  yield* (await ahead.get(object.key, optionsOf(object))).chunks;
}

/** The pieces of the object, as what is to be read next is fetched meanwhile. */
const piecesOf = (ahead: ReadAhead, object: ExpectedObject): AsyncGenerator<Uint8Array> =>
  ahead.following(object.key, got(ahead, object));

/** Reads the object whole. */
async function read(ahead: ReadAhead, object: ExpectedObject): Promise<void> {
  const pieces = await collect(piecesOf(ahead, object));
  const whole = store.objects.get(object.key)?.bytes;
  expect(Buffer.concat(pieces).equals(whole ?? Buffer.of())).toBe(true);
}

/** Until all that can be done without another call is done. */
const settled = async (): Promise<void> => turns(200);

const isFree = (bytes = 20 * MIB): boolean => {
  const release = room.take(bytes, { lastActive: Infinity, giveWay: () => undefined });
  release?.();
  return release !== undefined;
};

test('the next object is fetched while one is used, once more than its first piece is wanted', async () => {
  const objects = await put(2, LARGE);
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  const chunks = piecesOf(ahead, objects[0]!);
  const first = (await chunks.next()).value as Uint8Array;
  await settled();
  expect(asked).toEqual(['object-0']);
  await chunks.next();
  await settled();
  expect(asked).toEqual(['object-0', 'object-1']);
  // All of it is there: no answer but that of the first is held open by a reader that takes its time.
  expect(open).toBe(1);
  expect(first.length).toBeLessThan(LARGE);
  await chunks.return(undefined);
  await read(ahead, objects[1]!);
  expect(asked).toHaveLength(2);
  ahead.close();
  expect(isFree()).toBe(true);
});

/** How many objects are ahead after each of these was read. */
async function aheadAfterEach(objects: readonly ExpectedObject[], pause = 0): Promise<number[]> {
  asked = [];
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  const counts: number[] = [];
  for (const [index, object] of objects.entries()) {
    await read(ahead, object);
    await turns(pause);
    counts.push(asked.length - index - 1);
  }
  expect(asked).toEqual(objects.map(({ key }) => key));
  ahead.close();
  return counts;
}

test('there is one ahead where that is enough', async () => {
  latency = 20;
  const counts = await aheadAfterEach(await put(10, KIB), 100);
  expect(counts).toEqual([...Array.from({ length: 9 }, () => 1), 0]);
});

test('small objects are fetched several at a time, the more of them the more often they were waited for', async () => {
  latency = 20;
  const counts = await aheadAfterEach(await put(60, KIB));
  expect(counts.slice(0, 4)).toEqual([1, 2, 4, 8]);
  expect(Math.max(...counts)).toBe(8);
});

test('of large ones there is one, and of middling ones 4 MiB', async () => {
  latency = 20;
  for (const [size, most] of [
    [5 * MIB, 1],
    [3 * MIB, 1],
    [MIB, 4],
  ] as const) {
    expect(Math.max(...(await aheadAfterEach(await put(12, size))))).toBe(most);
  }
});

test('the bytes held are released when they were read', async () => {
  const objects = await put(3, 5 * MIB);
  room = new ReadAheadRoom(8 * MIB);
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  await read(ahead, objects[0]!);
  await settled();
  const pieces = piecesOf(ahead, objects[1]!);
  await pieces.next();
  // It is still used, so there is no room for the third.
  await settled();
  expect(asked).toEqual(['object-0', 'object-1']);
  expect(isFree(1)).toBe(false);
  while ((await pieces.next()).done !== true);
  expect(isFree(8 * MIB)).toBe(true);
  await read(ahead, objects[2]!);
});

test('where there is no room, objects are got when they are asked for', async () => {
  const objects = await put(3, LARGE);
  const ahead = new ReadAhead(counting, new ReadAheadRoom(0));
  ahead.expect(objects);
  for (const [index, object] of objects.entries()) {
    await read(ahead, object);
    expect(asked).toHaveLength(index + 1);
  }
});

test('objects of more than 8 MiB are not fetched ahead', async () => {
  const objects = (await put(2, KIB)).map((object) => ({ ...object, size: 8 * MIB + 1 }));
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  await read(ahead, objects[0]!);
  await settled();
  expect(asked).toEqual(['object-0']);
});

test('reads that are slow but go on take nothing from each other, nor from themselves, however little room there is', async () => {
  latency = 20;
  for (const roomBytes of [2 * MIB, 4 * MIB, 16 * MIB]) {
    let now = 0;
    room = new ReadAheadRoom(roomBytes, () => now);
    asked = [];
    const objects = await put(120, 250 * KIB);
    const reads = Array.from({ length: 3 }, (_, nth) => {
      const ahead = new ReadAhead(counting, room);
      const own = objects.slice(40 * nth, 40 * (nth + 1));
      ahead.expect(own);
      return { ahead, own };
    });
    for (let nth = 0; nth < 40; nth++) {
      for (const { ahead, own } of reads) {
        now += 2_000;
        await read(ahead, own[nth]!);
      }
    }
    // Each once.
    expect(asked.toSorted()).toEqual(objects.map(({ key }) => key).toSorted());
    for (const { ahead } of reads) ahead.close();
    expect(isFree(roomBytes)).toBe(true);
  }
});

test('what a stalled reader has ahead gives way to another read, and is got again', async () => {
  let now = 0;
  room = new ReadAheadRoom(bufferSize(LARGE), () => now);
  const objects = await put(3, LARGE);
  const stalled = new ReadAhead(counting, room);
  stalled.expect(objects);
  await read(stalled, objects[0]!);
  await settled();
  now = 60_000;
  const other = new ReadAhead(counting, room);
  other.expect([objects[1]!, objects[2]!]);
  await read(other, objects[1]!);
  await settled();
  expect(asked).toEqual(['object-0', 'object-1', 'object-1', 'object-2']);
  await read(stalled, objects[1]!);
  expect(asked.at(-1)).toBe('object-1');
});

describe('an object that could not be fetched', () => {
  test('is got again when it is asked for', async () => {
    const objects = await put(2, LARGE);
    const ahead = new ReadAhead(counting, room);
    ahead.expect(objects);
    let failing = true;
    store.before = (operation, key) => {
      if (failing && key === 'object-1') throw new StoreUnavailableError('no answer', { operation, key, bucket: '' });
    };
    await read(ahead, objects[0]!);
    await settled();
    failing = false;
    await read(ahead, objects[1]!);
    expect(asked).toEqual(['object-0', 'object-1', 'object-1']);
    expect(isFree()).toBe(true);
  });

  test('or gives the error of then: gone, or another version', async () => {
    const objects = await put(3, LARGE);
    await store.deleteMany([{ key: 'object-1' }]);
    await store.put('object-2', Buffer.from('another'));
    const ahead = new ReadAhead(counting, room);
    ahead.expect(objects);
    await read(ahead, objects[0]!);
    await settled();
    await expect(read(ahead, objects[1]!)).rejects.toThrow(NotFoundError);
    await expect(read(ahead, objects[2]!)).rejects.toThrow(PreconditionFailedError);
    expect(isFree()).toBe(true);
  });

  test('is streamed when it is larger than was said', async () => {
    const objects = (await put(2, LARGE)).map((object) => ({ ...object, size: LARGE - 1 }));
    const ahead = new ReadAhead(counting, room);
    ahead.expect(objects);
    await read(ahead, objects[0]!);
    await settled();
    expect(isFree()).toBe(false);
    await read(ahead, objects[1]!);
    expect(asked).toEqual(['object-0', 'object-1', 'object-1']);
    expect(isFree()).toBe(true);
  });
});

test('another version than the one that was fetched is asked for as if none had been', async () => {
  const objects = await put(2, LARGE);
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  await read(ahead, objects[0]!);
  await settled();
  await expect(ahead.get('object-1', { ifMatch: 'another' })).rejects.toThrow(PreconditionFailedError);
  const range = await ahead.get('object-1', { start: 10, end: 19 });
  expect(await range.bytes()).toHaveLength(10);
  expect(asked).toHaveLength(4);
});

describe('an object that comes slowly', () => {
  /** Lets the second half of it come, or break off. */
  let goOn: (broken?: Error) => void;
  let signal: AbortSignal | undefined;

  /** Its pieces, when so many bytes of it have come. */
  async function begun(filled: number): Promise<AsyncGenerator<Uint8Array>> {
    const going = new Promise<void>((resolve, reject) => {
      goOn = (broken) => (broken === undefined ? resolve() : reject(broken));
    });
    const slow: ReadableStore = {
      get: async (key, options) => {
        const body = await counting.get(key, options);
        signal = options?.signal;
        const bytes: typeof body.bytes = async (target, onFilled) => {
          const whole = await body.bytes(target);
          onFilled?.(filled);
          await going;
          return whole;
        };
        return { ...body, bytes };
      },
    };
    const objects = await put(2, LARGE);
    const ahead = new ReadAhead(slow, room);
    ahead.expect(objects);
    await read(ahead, objects[0]!);
    return got(ahead, objects[1]!);
  }

  test('is read while it comes', async () => {
    const pieces = await begun(LARGE / 2);
    expect((await pieces.next()).value).toHaveLength(LARGE / 2);
    goOn();
    expect(Buffer.concat(await collect(pieces))).toHaveLength(LARGE / 2);
    expect(isFree()).toBe(true);
  });

  test('is waited for to its end, so that its connection can be used again', async () => {
    const reading = collect(await begun(LARGE));
    await settled();
    expect(signal?.aborted).toBe(false);
    goOn();
    expect(Buffer.concat(await reading)).toHaveLength(LARGE);
    expect(isFree()).toBe(true);
  });

  test('breaks off where it breaks off', async () => {
    const pieces = await begun(LARGE / 2);
    expect((await pieces.next()).value).toHaveLength(LARGE / 2);
    const rest = collect(pieces);
    goOn(new StoreUnavailableError('broken off', { operation: 'get', key: '', bucket: '' }));
    await expect(rest).rejects.toThrow('broken off');
    expect(isFree()).toBe(true);
  });
});

test('what is held is not given to who has left', async () => {
  const objects = await put(2, LARGE);
  const leaving = new AbortController();
  const ahead = new ReadAhead(counting, room, leaving.signal);
  ahead.expect(objects);
  await read(ahead, objects[0]!);
  await settled();
  const { signal } = leaving;
  const { chunks } = await ahead.get('object-1', { ...optionsOf(objects[1]!), signal });
  const pieces = chunks[Symbol.asyncIterator]();
  await pieces.next();
  leaving.abort(new Error('the client has left'));
  await expect(pieces.next()).rejects.toThrow('the client has left');
  await expect(ahead.get('object-1', { ...optionsOf(objects[1]!), signal })).rejects.toThrow('the client has left');
  expect(isFree()).toBe(true);
});

describe('what is under way', () => {
  let answer: () => void;
  let refuse: (error: Error) => void;
  let signals: (AbortSignal | undefined)[];
  let ahead: ReadAhead;
  let upcoming: ExpectedObject;
  let leaving: AbortController;

  beforeEach(async () => {
    const answered = new Promise<void>((resolve, reject) => {
      answer = resolve;
      refuse = reject;
    });
    signals = [];
    leaving = new AbortController();
    const held: ReadableStore = {
      get: async (key, options = {}) => {
        if (key === 'object-1') {
          const { signal } = options;
          signals.push(signal);
          signal?.throwIfAborted();
          const aborted = new Promise<void>((_, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason as Error));
          });
          await Promise.race([answered, aborted]);
        }
        return counting.get(key, options);
      },
    };
    const objects = await put(2, LARGE);
    upcoming = objects[1]!;
    ahead = new ReadAhead(held, room, leaving.signal);
    ahead.expect(objects);
    await read(ahead, objects[0]!);
    if (signals.length !== 1) throw new Error('nothing is under way');
  });

  test('is waited for when it is asked for', async () => {
    const reading = read(ahead, upcoming);
    await settled();
    answer();
    await reading;
    expect(signals).toHaveLength(1);
  });

  test('ends with the read', async () => {
    ahead.close();
    await settled();
    expect(signals[0]?.aborted).toBe(true);
    expect(isFree()).toBe(true);
  });

  test('ends when the read is aborted, also while it is waited for', async () => {
    const { signal } = leaving;
    const reading = ahead.get(upcoming.key, { ...optionsOf(upcoming), signal });
    leaving.abort(new Error('the client has left'));
    await expect(reading).rejects.toThrow('the client has left');
    expect(signals[0]?.aborted).toBe(true);
    expect(isFree()).toBe(true);
  });

  test('gives its error to who waits for it, and no other request is made', async () => {
    const reading = read(ahead, upcoming);
    await settled();
    refuse(new StoreUnavailableError('no answer', { operation: 'get', key: upcoming.key, bucket: '' }));
    await expect(reading).rejects.toThrow('no answer');
    expect(signals).toHaveLength(1);
    expect(isFree()).toBe(true);
  });

  test('is let go when something else is going to be read', async () => {
    ahead.clear();
    expect(signals[0]?.aborted).toBe(true);
    expect(isFree()).toBe(true);
    answer();
    await read(ahead, upcoming);
    expect(signals).toHaveLength(2);
  });
});

test('a closed read fetches nothing more', async () => {
  const objects = await put(2, LARGE);
  const ahead = new ReadAhead(counting, room);
  ahead.expect(objects);
  const pieces = piecesOf(ahead, objects[0]!);
  await pieces.next();
  ahead.close();
  await collect(pieces);
  await settled();
  expect(asked).toEqual(['object-0']);
});
