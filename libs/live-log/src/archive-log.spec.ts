import { beforeEach, describe, expect, test } from '@jest/globals';
import { StoreUnavailableError } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import { type JobLogRequest, NoPreviousInstanceError } from './job-log.ts';
import { JobLogReader } from './job-log-reader.ts';
import { archiveOf, BASE, Collected, instant, ManualClock, MAX_MESSAGE, upload } from './spec-support.ts';

const FIRST = 'a'.repeat(64);
const SECOND = 'b'.repeat(64);
const REQUEST: JobLogRequest = { pod: 'job-a', namespace: 'team', containers: ['main'], follow: false };

let store: MemoryObjectStore;
let clock: ManualClock;
let reader: JobLogReader;
const running: Collected[] = [];

beforeEach(() => {
  store = new MemoryObjectStore((BASE + 1000) * 1000);
  clock = new ManualClock();
  reader = new JobLogReader({
    archive: archiveOf(store),
    storeNow: () => store.now(),
    kube: undefined,
    maxMessage: MAX_MESSAGE,
    clock,
  });
});

const read = (changes: Partial<JobLogRequest> = {}): Collected => {
  const collected = new Collected(reader.read({ ...REQUEST, ...changes }));
  running.push(collected);
  return collected;
};
const advance = async (ms: number): Promise<void> => clock.advance(ms, (moved) => (store.clock += moved));

describe('without Kubernetes', () => {
  test('what the archive has, container after container', async () => {
    await upload(store, [{ at: 1, log: 'other' }], 0, SECOND, 'sidecar');
    await upload(
      store,
      [
        { at: 2, log: 'main' },
        { at: 3, log: 'still main' },
      ],
      1,
      FIRST,
    );
    const all = read({ containers: ['main', 'sidecar'] });
    await all.finished;
    expect(all.lines).toEqual(['main', 'still main', 'other']);
    const tail = read({ containers: ['main', 'sidecar'], tail: 2 });
    await tail.finished;
    expect(tail.lines).toEqual(['still main', 'other']);
    expect(all.events.some(({ kind }) => kind === 'live')).toBe(false);
  });

  test('the previous instance is the last but one', async () => {
    await upload(store, [{ at: 1, log: 'first' }], 0, FIRST);
    const none = read({ previous: true });
    await none.finished;
    expect(none.error).toBeInstanceOf(NoPreviousInstanceError);
    await upload(store, [{ at: 70, log: 'second' }], 1, SECOND);
    const one = read({ previous: true });
    await one.finished;
    expect(one.lines).toEqual(['first']);
  });

  test('following gives what comes, and new instances', async () => {
    await upload(store, [{ at: 1, log: 'a' }], 0, FIRST);
    const log = read({ follow: true });
    await advance(2_000);
    expect(log.lines).toEqual(['a']);
    await upload(
      store,
      [
        { at: 61, log: 'b' },
        { at: 62, log: 'c' },
      ],
      1,
      FIRST,
    );
    await advance(2_000);
    await upload(store, [{ at: 121, log: 'd' }], 2, SECOND);
    await advance(2_000);
    expect(log.lines).toEqual(['a', 'b', 'c', 'd']);
    await log.stop();
    expect(log.error).toBeUndefined();
  });

  test('a line in parts is given when it is whole, or its container was started again', async () => {
    await upload(store, [{ at: 1, log: 'begun ', part: 'P' }], 0, FIRST);
    const log = read({ follow: true });
    await advance(4_000);
    expect(log.lines).toEqual([]);
    await upload(
      store,
      [
        { at: 2, log: 'ended' },
        { at: 3, log: 'never ', part: 'P' },
      ],
      1,
      FIRST,
    );
    await advance(4_000);
    expect(log.lines).toEqual(['begun ended']);
    await upload(store, [{ at: 70, log: 'again' }], 2, SECOND);
    await advance(4_000);
    expect(log.lines).toEqual(['begun ended', 'never ', 'again']);
    await log.stop();
  });

  test('the last lines, what is wanted of them, and what comes', async () => {
    await upload(
      store,
      ['x1', 'y1', 'x2', 'y2'].map((log, at) => ({ at, log })),
      0,
      FIRST,
    );
    const [tail, none] = [
      read({ follow: true, tail: 1, wanted: ({ logStart, bytes }) => bytes[logStart] === 0x78 }),
      read({ follow: true, tail: 0 }),
    ];
    await advance(2_000);
    await upload(
      store,
      ['x3', 'y3'].map((log, at) => ({ at: 60 + at, log })),
      1,
      FIRST,
    );
    await advance(2_000);
    expect([tail.lines, none.lines]).toEqual([
      ['x2', 'x3'],
      ['x3', 'y3'],
    ]);
    await Promise.all([tail.stop(), none.stop()]);
  });

  test('after a mark, also when its message has not come yet', async () => {
    await upload(
      store,
      [
        { at: 1, log: 'a' },
        { at: 2, log: 'b' },
      ],
      0,
      FIRST,
    );
    const all = read();
    await all.finished;
    const [event] = all.events;
    if (event?.kind !== 'messages') throw new Error('no messages');
    const after = event.markOf(0);
    const log = read({ follow: true, after });
    const ahead = read({ follow: true, after: { ...after, time: instant(62), hash: 1, findFrom: instant(62) } });
    await advance(2_000);
    expect([log.lines, ahead.lines]).toEqual([['b'], []]);
    await upload(
      store,
      [61, 62, 63].map((at) => ({ at, log: `${at}` })),
      1,
      FIRST,
    );
    await advance(2_000);
    expect([log.lines, ahead.lines]).toEqual([['b', '61', '62', '63'], ['63']]);
    await Promise.all([log.stop(), ahead.stop()]);
  });

  test('after a mark of a container that was started again: nothing of what was before, but late files', async () => {
    const lines = (run: string, at: number) => [0, 1].map((each) => ({ at: at + each, log: `${run}${each}` }));
    await upload(store, lines('a', 1), 0, FIRST);
    await upload(store, lines('b', 70), 1, SECOND);
    const all = read({ follow: true });
    await advance(5_000);
    const event = all.events.findLast(({ kind }) => kind === 'messages');
    if (event?.kind !== 'messages') throw new Error('no messages');
    const log = read({ follow: true, after: event.markOf(0) });
    await advance(5_000);
    expect(log.lines).toEqual(['b1']);
    await upload(store, lines('late', 62), 2, FIRST);
    await advance(5_000);
    await upload(store, lines('c', 130), 3, SECOND);
    await advance(5_000);
    expect([log.lines, log.error]).toEqual([['b1', 'late0', 'late1', 'c0', 'c1'], undefined]);
    await Promise.all([all.stop(), log.stop()]);
  });

  test('after a mark of one container, the others go on from its time', async () => {
    const lines = (...at: number[]) => at.map((each) => ({ at: each, log: `${each}` }));
    await upload(store, lines(1, 2), 0, FIRST);
    await upload(store, lines(3, 4), 1, SECOND, 'side');
    const all = read({ follow: true, containers: ['main', 'side'] });
    await advance(5_000);
    const event = all.events.findLast(({ kind }) => kind === 'messages');
    if (event?.kind !== 'messages') throw new Error('no messages');
    await upload(store, lines(61), 2, FIRST);
    const log = read({ follow: true, containers: ['main', 'side'], after: event.markOf(0) });
    await advance(5_000);
    expect(log.lines.toSorted()).toEqual(['4', '61']);
    await Promise.all([all.stop(), log.stop()]);
  });

  test('it ends when what was written until then has had time to come', async () => {
    await upload(store, [{ at: 1, log: 'a' }], 0, FIRST);
    const log = read({ follow: true, until: instant(1005) });
    await advance(60_000);
    await upload(
      store,
      [
        { at: 1004, log: 'b' },
        { at: 1006, log: 'c' },
      ],
      1,
      FIRST,
    );
    expect(log.done).toBe(false);
    await advance(70_000);
    expect([log.lines, log.done, log.error]).toEqual([['a', 'b'], true, undefined]);
  });

  test('followers share their looks, and a look that finds nothing new reads nothing', async () => {
    for (let index = 0; index < 30; index++) await upload(store, [{ at: index * 60, log: `${index}` }], index, FIRST);
    const logs = Array.from({ length: 20 }, () => read({ follow: true }));
    await advance(10_000);
    store.requests.clear();
    await advance(20_000);
    expect(store.requests.get('list')).toBeLessThanOrEqual(15);
    expect(store.requests.get('get')).toBeLessThanOrEqual(15);
    store.requests.clear();
    await upload(store, [{ at: 1860, log: 'new' }], 30, FIRST);
    await advance(4_000);
    store.requests.clear();
    await upload(store, [{ at: 1920, log: 'new' }], 31, FIRST);
    await advance(4_000);
    expect(logs.every(({ lines }) => lines.length === 32 && lines.at(-1) === 'new')).toBe(true);
    // The new file and the few before it, for each of them.
    expect(store.requests.get('get')).toBeLessThan(20 * 5);
    await Promise.all(logs.map(async (log) => log.stop()));
    store.requests.clear();
    await advance(10_000);
    expect(store.requests.size).toBe(0);
  });

  test('a store that is away for a while is waited for', async () => {
    await upload(store, [{ at: 1, log: 'a' }], 0, FIRST);
    const log = read({ follow: true });
    await advance(2_000);
    store.before = (operation) => {
      throw new StoreUnavailableError('away', { operation, bucket: 'memory' });
    };
    await advance(30_000);
    store.before = () => undefined;
    await upload(store, [{ at: 61, log: 'b' }], 1, FIRST);
    await advance(20_000);
    expect(log.lines).toEqual(['a', 'b']);
    await log.stop();
  });

  test('an aborted signal ends it with its reason', async () => {
    const abort = new AbortController();
    const log = read({ follow: true, signal: abort.signal });
    await advance(2_000);
    abort.abort(new Error('gone'));
    await log.finished;
    expect(log.error).toEqual(new Error('gone'));
  });
});
