import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { LogRecord } from '@cordwood/log-record';
import { applyMerge } from '@cordwood/pod-metadata';
import { formatMinute } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { LogReader } from './log-reader.ts';
import { MergedWriter } from './merged-writer.ts';
import type { MessageBatch, MessageMark, MessageOptions } from './messages.ts';
import { MetadataStore } from './metadata-store.ts';
import { PositionLostError } from './read-position.ts';
import {
  BASE,
  CONTAINER_ID,
  type Line,
  messageOf,
  rawKey,
  rawText,
  recordsOf,
  timeAt,
  WINDOW,
} from './spec-support.ts';

const OTHER_ID = 'f'.repeat(64);

let store: MemoryObjectStore;
/** What was fetched of raw and merged files. */
let fetched: string[];
beforeEach(() => {
  store = new MemoryObjectStore();
  fetched = [];
  lookBack = undefined;
  const get = store.get.bind(store);
  store.get = async (key, options) => {
    if (!key.startsWith('metadata/')) fetched.push(key);
    return get(key, options);
  };
});

let lookBack: number | undefined;
const reader = (): LogReader =>
  new LogReader({
    ...(lookBack !== undefined && { lookBack }),
    store,
    metadata: new MetadataStore(store),
    reorderWindow: WINDOW,
    maxRecord: 10_000_000,
    maxMessage: 100,
    legacyNamespace: undefined,
    onDamage: ({ key, reason }) => {
      throw new Error(`${key}: ${reason}`);
    },
  });

async function* batches(options: MessageOptions = {}): AsyncGenerator<MessageBatch> {
  const { instances } = await reader().open('job-a');
  yield* reader().messages(instances, options);
}

async function read(options: MessageOptions = {}): Promise<string[]> {
  fetched = [];
  const all: string[] = [];
  for await (const { messages } of batches(options)) all.push(...messages.map(messageOf));
  return all;
}

/** The mark of the message with this text. */
async function markOf(text: string, options: MessageOptions = {}): Promise<MessageMark> {
  for await (const batch of batches(options)) {
    const index = batch.messages.findIndex((message) => messageOf(message) === text);
    if (index >= 0) return batch.markOf(index);
  }
  throw new Error(`no message ${text}`);
}

const at = (seconds: number) => ({ seconds: BASE + seconds, nanos: 0 });
const line = (seconds: number, log = `second ${seconds.toString()}`, part: 'P' | 'F' = 'F'): Line => ({
  at: seconds,
  log,
  part,
});

async function putRaw(
  lines: readonly Line[],
  index: number,
  container: Parameters<typeof rawKey>[2] = {},
): Promise<string> {
  store.clock += 1000;
  const key = rawKey(formatMinute(BASE + (lines[0]?.at ?? 0)), index, container);
  await store.put(key, Buffer.from(rawText(lines)));
  return key;
}

/** A record whose time is that of reading, 1000 s after its place. */
function misplaced(record: LogRecord): LogRecord {
  const isRead = messageOf(record).startsWith('read late');
  return isRead ? { ...record, orderSeconds: record.orderSeconds - 1000 } : record;
}

/** Each of these as a merged file of its own, after those that are there. Gives their keys. */
async function putMerged(files: readonly (readonly Line[])[], containerId = CONTAINER_ID, run = 0): Promise<string[]> {
  const metadata = new MetadataStore(store);
  const keys: string[] = [];
  for (const lines of files) {
    store.clock += 1000;
    const before = await metadata.read('job-a');
    const own = before.metadata.log_files.filter((file) => file.container_id === containerId);
    const writer = new MergedWriter({
      store,
      pod: 'job-a',
      namespace: 'team',
      container: 'main',
      containerId,
      run,
      tail: own.filter((file) => (file.run ?? 0) === run),
      known: own,
      merge: store.clock.toString(),
      rewriteTail: false,
      limit: 1_000_000,
      uniqueIndex: () => store.clock.toString(),
    });
    await writer.write({}, recordsOf(lines).map(misplaced));
    const written = await writer.finish({});
    keys.push(...written.written.map(({ key }) => key));
    const commit = { commitId: store.clock.toString(), now: store.clock };
    await metadata.commit(
      'job-a',
      before,
      applyMerge(before.metadata, { ...written, mergedRaw: [], damaged: [] }, commit),
    );
  }
  return keys;
}

const texts = (...seconds: number[]): string[] => seconds.map((second) => `second ${second.toString()}`);

describe('a range', () => {
  test('fetches the merged files that can hold some of it, and no others', async () => {
    const keys = await putMerged([[line(0), line(10)], [line(20), line(30)], [line(40), line(50)], [line(60)]]);
    expect(await read({ since: at(30), until: at(40) })).toEqual(texts(30, 40));
    expect(fetched).toEqual(keys.slice(1, 3));
    expect(await read({ until: at(19) })).toEqual(texts(0, 10));
    expect(fetched).toEqual(keys.slice(0, 1));
    expect(await read({ since: at(51) })).toEqual(texts(60));
    expect(fetched).toEqual(keys.slice(3));
    expect(await read({ since: at(31), until: at(39) })).toEqual([]);
    expect(fetched).toEqual([]);
    expect(await read({ since: at(20), until: at(19) })).toEqual([]);
  });

  test('fetches nothing of instances that lie outside', async () => {
    const [first] = await putMerged([[line(0)]]);
    const [second] = await putMerged([[line(100)]], OTHER_ID);
    expect(await read({ until: at(50) })).toEqual(texts(0));
    expect(fetched).toEqual([first]);
    expect(await read({ since: at(50) })).toEqual(texts(100));
    expect(fetched).toEqual([second]);
  });

  test('reads on where a line goes on that it holds, and before it to a line that may go on in it', async () => {
    const keys = await putMerged([
      [line(0), line(1, 'a', 'P')],
      [line(10, 'b', 'P')],
      [line(20, 'c'), line(21)],
      [line(30)],
    ]);
    expect(await read({ until: at(5) })).toEqual(['second 0', 'abc']);
    expect(fetched).toEqual(keys.slice(0, 3));
    expect(await read({ since: at(20) })).toEqual(texts(21, 30));
  });

  test('shows the parts of a line that is too long to be joined by their own times', async () => {
    const part = (seconds: number, last: 'P' | 'F' = 'P'): Line => line(seconds, seconds.toString().padEnd(60), last);
    await putMerged([[part(0), part(1)], [part(10)], [part(20, 'F')], [line(30)]]);
    const all = await read();
    expect(all).toHaveLength(5);
    expect(await read({ since: at(10) })).toEqual(all.slice(2));
    expect(await read({ until: at(10) })).toEqual(all.slice(0, 3));
  });

  test('holds what raw files have of it, wherever they stand', async () => {
    const keys = await putMerged([[line(0)], [line(20)], [line(40)]]);
    // Its key says that it comes after all the others; its first time says otherwise.
    const raw = await putRaw([line(10), line(50)], 9);
    expect(await read({ until: at(15) })).toEqual(texts(0, 10));
    expect(fetched.filter((key) => key === raw)).toHaveLength(1);
    expect(fetched).toContain(keys[0]);
  });
});

describe('after a message', () => {
  test('nothing is fetched of what lies before, in other instances neither', async () => {
    const keys = await putMerged([[line(0), line(10)], [line(20), line(30)], [line(40)]]);
    const others = await putMerged([[line(100)], [line(110)]], OTHER_ID);
    const mark = await markOf('second 20');
    expect(await read({ after: mark })).toEqual(texts(30, 40, 100, 110));
    expect(fetched).toEqual([...keys.slice(1), ...others]);
    const inOther = await markOf('second 100');
    expect(await read({ after: inOther })).toEqual(texts(110));
    expect(fetched).toEqual(others);
    expect(await read({ after: await markOf('second 110') })).toEqual([]);
  });

  test('which is told by its place among those of the same time, whatever is wanted', async () => {
    const same = ['x', 'y', 'x', 'x', 'z', 'x'].map((log) => line(5, log));
    await putMerged([[line(0)], same, [line(9)]]);
    const marks: MessageMark[] = [];
    for await (const batch of batches({ since: at(5), wanted: (message) => messageOf(message) === 'x' })) {
      marks.push(...batch.messages.map((_, index) => batch.markOf(index)));
    }
    const rests = [];
    for (const after of marks) rests.push((await read({ after })).join(''));
    expect(rests).toEqual(['yxxzxsecond 9', 'xzxsecond 9', 'zxsecond 9', 'second 9']);
  });

  test('whose text is told in other bytes, it goes on after the one in its place', async () => {
    await putMerged([[line(0), line(5, 'a'), line(5, 'b'), line(5, 'c'), line(9)]]);
    const mark = await markOf('b');
    expect(await read({ after: { ...mark, hash: mark.hash + 1 } })).toEqual(['c', 'second 9']);
    // Those before it are gone.
    expect(await read({ after: { ...(await markOf('c')), nth: 7 } })).toEqual(['second 9']);
  });

  test('that is not there, nothing is given', async () => {
    await putMerged([[line(0), line(10)]]);
    const mark = await markOf('second 10');
    await expect(read({ after: { ...mark, time: at(3) } })).rejects.toThrow(PositionLostError);
    await expect(read({ after: { ...mark, containerId: OTHER_ID } })).rejects.toThrow(PositionLostError);
    await expect(read({ after: { ...mark, namespace: 'other' } })).rejects.toThrow(PositionLostError);
  });

  test('whose time is later than its place, what stands after it is found in late files too', async () => {
    await putMerged([[line(0)], [line(1010, 'read late')], [line(20)]]);
    await putMerged([[line(5, 'late')], [line(15, 'late too')]], CONTAINER_ID, 1);
    expect(await read()).toEqual(['second 0', 'late', 'read late', 'late too', 'second 20']);
    expect(await read({ after: await markOf('read late') })).toEqual(['late too', 'second 20']);
  });

  test('the range counts from there, and does not hide the message itself', async () => {
    await putMerged([[line(0)], [line(10)], [line(20)], [line(30)]]);
    expect(await read({ after: await markOf('second 30'), until: at(5) })).toEqual([]);
    expect(await read({ after: await markOf('second 0'), since: at(20) })).toEqual(texts(20, 30));
  });

  test('is found though its line goes on in a file beyond the range', async () => {
    await putMerged([[line(0)], [line(10, 'a', 'P')], [line(20, 'b')], [line(30)]]);
    expect(await read({ after: await markOf('ab'), until: at(5), unfinished: false })).toEqual([]);
  });
});

describe('a line without end', () => {
  /** On stderr, 30 bytes of it in each file; beside whole lines. */
  const endless = Array.from({ length: 30 }, (_, file): Line[] => [
    { at: file * 10, log: `part ${file.toString()};`.padEnd(30), part: 'P', stderr: true },
    line(file * 10 + 1),
  ]);
  const all = endless.flat().map(({ log }) => log);
  // Parts are joined up to 100 bytes.
  beforeEach(() => {
    lookBack = 1000;
  });

  test('does not make a read fetch all of it', async () => {
    const keys = await putMerged(endless);
    const whole = await read();
    expect(whole.toSorted()).toEqual(all.toSorted());
    expect(await read({ since: at(200) })).toEqual(whole.slice(-20));
    expect(fetched.length).toBeLessThan(20);
    expect(await read({ until: at(191), since: at(190) })).toEqual([all[38], 'second 191']);
    expect(fetched.length).toBeLessThan(12);
    expect(await read({ tail: 4 })).toEqual(whole.slice(-4));
    expect(fetched.length).toBeLessThan(14);
    const after = await markOf('second 281');
    expect(after.unjoined).toEqual(['stderr']);
    expect(await read({ after })).toEqual(whole.slice(-2));
    expect(fetched.length).toBeLessThan(12);
    expect(keys).toHaveLength(30);
  });

  test('that is known to be too long needs nothing before the place of a mark', async () => {
    await putMerged(endless);
    const after = await markOf('second 281');
    lookBack = 0;
    expect(await read({ after })).toEqual((await read()).slice(-2));
  });

  test('of which too little was read to tell is left out up to its end', async () => {
    const keys = await putMerged([
      ...endless.slice(0, 2),
      [{ ...line(20, 'end'), stderr: true }, line(21)],
      [line(30)],
    ]);
    lookBack = 0;
    expect(await read({ since: at(10) })).toEqual(texts(11, 21, 30));
    expect(fetched).toEqual(keys.slice(1));
  });
});

describe('the end', () => {
  const many = Array.from({ length: 40 }, (_, file) => [line(file * 10), line(file * 10 + 5)]);

  test('takes the merged files that hold it, whatever the size of the log', async () => {
    const keys = await putMerged(many);
    expect(await read({ tail: 3 })).toEqual(texts(385, 390, 395));
    expect(fetched).toEqual(keys.slice(-2));
    expect(await read({ tail: 3, until: at(100) })).toEqual(texts(90, 95, 100));
    expect(fetched).toEqual(keys.slice(9, 11));
    expect(await read({ tail: 1000 })).toHaveLength(80);
    expect(await read({ tail: 0 })).toEqual([]);
    expect(fetched).toEqual([]);
  });

  test('reads no merged file where raw files hold enough, and does where they do not', async () => {
    const keys = await putMerged(many);
    const long = Array.from({ length: 20 }, (_, i) => line(400 + i, i.toString().padEnd(2000)));
    const raw = await putRaw(long, 500);
    expect(await read({ tail: 15 })).toEqual(long.slice(5).map(({ log }) => log));
    expect(fetched).toEqual([raw]);
    expect(await read({ tail: 22 })).toEqual([...texts(390, 395), ...long.map(({ log }) => log)]);
    expect(fetched.filter((key) => key !== raw)).toEqual(keys.slice(-11));
  });

  test('is looked for further back by doubling, where few messages are wanted', async () => {
    const keys = await putMerged(many);
    const isWanted = new Set(texts(0, 100));
    const wanted = (message: LogRecord): boolean => isWanted.has(messageOf(message));
    expect(await read({ tail: 1, wanted })).toEqual(texts(100));
    expect(fetched.length).toBeLessThan(3 * keys.length);
    expect(await read({ tail: 2, wanted })).toEqual(texts(0, 100));
    expect(await read({ tail: 3, wanted })).toEqual(texts(0, 100));
  });

  test('goes back over instances only as far as needed', async () => {
    const keys = await putMerged(many);
    const others = await putMerged([[line(1000)], [line(1010)]], OTHER_ID);
    expect(await read({ tail: 2 })).toEqual(texts(1000, 1010));
    expect(fetched).toEqual(others);
    expect(await read({ tail: 3 })).toEqual(texts(395, 1000, 1010));
    expect(fetched.toSorted()).toEqual([keys.at(-1), ...others].toSorted());
  });

  test('holds what late files have of it', async () => {
    await putMerged(many);
    const late = await putMerged([[line(0.5, 'late')], [line(391, 'late too')]], CONTAINER_ID, 1);
    expect(await read({ tail: 3 })).toEqual(['second 390', 'late too', 'second 395']);
    expect(fetched).not.toContain(late[0]);
    expect(await read({ tail: 80 })).toEqual((await read()).slice(-80));
  });

  test('does not take what it happens to read of a late file for what stands right before', async () => {
    await putMerged(many);
    await putMerged([[line(0.5, 'late'), line(391, 'late too')]], CONTAINER_ID, 1);
    const isWanted = new Set(['late', 'second 200', 'second 395']);
    const wanted = (message: LogRecord): boolean => isWanted.has(messageOf(message));
    expect(await read({ tail: 2, wanted })).toEqual(texts(200, 395));
  });

  test('of the reference is found by position: its times are not relied on', async () => {
    const files = [];
    for (const second of [0, 10, 20, 30]) {
      const key = `logs/job-a/${CONTAINER_ID}/20261120100${(second / 10).toString()}_1.gz`;
      const text = `${JSON.stringify({ time: timeAt(second), log: `second ${second.toString()}` })}\n`;
      await store.put(key, gzipSync(text));
      const times = { first_record_time: timeAt(0), last_record_time: timeAt(0) };
      files.push({ key, records_count: 1, size: text.length, ...times });
    }
    await store.put('metadata/job-a.json', Buffer.from(JSON.stringify({ log_files: files, last_merged_key: null })));
    expect(await read({ tail: 1 })).toEqual(texts(30));
    // Its own, and two that may have the same times.
    expect(fetched).toEqual(files.slice(1).map(({ key }) => key));
  });

  test('that is too large to be kept is read a second time', async () => {
    const large = Array.from({ length: 14 }, (_, i) => line(i, i.toString().padEnd(3_000_000)));
    const raw = await putRaw(large, 1);
    const log = (one: Line): string => one.log.trim();
    const given: string[] = [];
    let fetches = 0;
    for await (const { messages } of batches({ tail: 12 })) {
      fetches = fetched.filter((key) => key === raw).length;
      given.push(...messages.map((message) => messageOf(message).trim()));
    }
    expect(given).toEqual(large.slice(2).map(log));
    expect(fetches).toBeGreaterThan(2);
    expect((await read({ tail: 14 })).map((text) => text.trim())).toEqual(large.map(log));
  });

  test('gives marks as the whole log does', async () => {
    const files = [[line(0, 'a'), line(5, 'b')], [line(5, 'c'), line(5, 'd')], [line(5, 'e')]];
    await putMerged(files);
    for (const text of ['c', 'd', 'e']) expect(await markOf(text, { tail: 3 })).toEqual(await markOf(text));
    expect(await markOf('e', { tail: 1 })).toEqual(await markOf('e'));
  });
});
