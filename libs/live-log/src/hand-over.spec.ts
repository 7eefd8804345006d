import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Kube, PodLogRequest } from '@cordwood/kube';
import { MemoryObjectStore } from '@cordwood/testkit';
import { FakeCluster, type FakeInstance, storeNow } from './fake-cluster.ts';
import { type JobLogRequest } from './job-log.ts';
import { JobLogReader } from './job-log-reader.ts';
import { archiveOf, Collected, instant, ManualClock, MAX_MESSAGE, upload } from './spec-support.ts';

const REQUEST: JobLogRequest = { pod: 'job-a', namespace: 'team', containers: ['main'], follow: true };

let store: MemoryObjectStore;
let clock: ManualClock;
let cluster: FakeCluster;
let reader: JobLogReader;
let uploaded: Map<FakeInstance, number>;
let index: number;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryObjectStore(storeNow(clock));
  cluster = new FakeCluster(clock);
  uploaded = new Map();
  index = 0;
  reader = new JobLogReader({
    archive: archiveOf(store),
    storeNow: () => store.now(),
    kube: cluster.kube,
    maxMessage: MAX_MESSAGE,
    clock,
  });
});

const read = (changes: Partial<JobLogRequest> = {}): Collected =>
  new Collected(reader.read({ ...REQUEST, ...changes }));
const advance = async (seconds: number): Promise<void> =>
  clock.advance(seconds * 1000, (moved) => (store.clock += moved));

/** What Fluent Bit has not uploaded yet of an instance. */
async function collect(instance = cluster.current(), name = 'main'): Promise<void> {
  const from = uploaded.get(instance) ?? 0;
  const lines = instance.lines.slice(from);
  uploaded.set(instance, instance.lines.length);
  if (lines.length > 0) await upload(store, lines, index++, instance.containerId, name);
}

/** A line each second. */
async function log(count: number, prefix = 'line'): Promise<void> {
  for (let each = 0; each < count; each++) {
    cluster.write(`${prefix} ${each}`);
    await advance(1);
  }
}

const kinds = (collected: Collected): string[] => collected.events.map(({ kind }) => kind);
const numbered = (count: number, prefix = 'line'): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix} ${at}`);

describe('a job that is followed', () => {
  test('from before it starts, through a restart, to its end and beyond', async () => {
    cluster.exists = true;
    const follower = read();
    await advance(10);
    expect(follower.events).toEqual([]);
    const first = cluster.start();
    await log(5, 'a');
    expect(follower.lines).toEqual(numbered(5, 'a').slice(0, follower.lines.length));
    await advance(5);
    expect(follower.lines).toEqual(numbered(5, 'a'));
    cluster.write('last words');
    cluster.end();
    await advance(10);
    cluster.start();
    await log(3, 'b');
    await advance(3);
    cluster.end('main', true);
    await advance(10);
    expect(follower.lines).toEqual([...numbered(5, 'a'), 'last words', ...numbered(3, 'b')]);
    expect([follower.done, follower.error]).toEqual([true, undefined]);
    expect(kinds(follower).filter((kind) => kind !== 'messages')).toEqual(['live']);
    expect(cluster.openLogs).toBe(0);
    await collect(first);
    await collect();
    const finished = read();
    await advance(10);
    expect([finished.done, finished.lines]).toEqual([true, follower.lines]);
    cluster.exists = false;
    const gone = read({ follow: false });
    await advance(1);
    expect([gone.done, gone.lines]).toEqual([true, follower.lines]);
    expect(kinds(gone)).not.toContain('live');
  });

  test('what is old comes from the archive, the rest from Kubernetes', async () => {
    cluster.start();
    for (let minute = 0; minute < 10; minute++) {
      await log(60, `minute ${minute}`);
      await collect();
    }
    await log(20, 'not archived');
    const follower = read();
    const once = read({ follow: false });
    await advance(3);
    expect(follower.lines).toHaveLength(620);
    expect(new Set(follower.lines).size).toBe(620);
    expect([once.done, once.lines]).toEqual([true, follower.lines]);
    const live = follower.events.flatMap((event) => (event.kind === 'messages' && event.live ? event.messages : []));
    expect(live.length).toBeGreaterThan(300);
    expect(live.length).toBeLessThan(400);
    await log(3, 'new');
    await advance(1);
    expect(follower.lines.slice(620)).toEqual(numbered(3, 'new'));
    await follower.stop();
    expect(cluster.openLogs).toBe(0);
  });

  test.each([true, false])('through rotation (closing: %s), and broken connections', async (closes) => {
    cluster.start();
    const follower = read();
    await log(5, 'a');
    cluster.rotate(closes);
    await log(5, 'b');
    await advance(1);
    cluster.drop();
    await log(5, 'c');
    await collect();
    await advance(20);
    expect(follower.lines).toEqual([...numbered(5, 'a'), ...numbered(5, 'b'), ...numbered(5, 'c')]);
    await follower.stop();
  });

  /** A reader who has five lines, and then, after one that was rotated away while Kubernetes was away, five more before them. */
  const readOverUnseenRotation = async () => {
    cluster.start();
    const follower = read();
    await log(5, 'a');
    cluster.away = 3;
    cluster.drop();
    cluster.write('rotated away');
    cluster.rotate(false);
    await log(5, 'b');
    return follower;
  };

  test('what was rotated away while nobody looked is waited for', async () => {
    const follower = await readOverUnseenRotation();
    await advance(10);
    expect(follower.lines).toEqual(numbered(5, 'a'));
    await collect();
    await advance(10);
    expect(follower.lines).toEqual([...numbered(5, 'a'), 'rotated away', ...numbered(5, 'b')]);
    expect(kinds(follower)).not.toContain('gap');
    await follower.stop();
  });

  test('what never comes is a gap', async () => {
    const follower = await readOverUnseenRotation();
    await advance(130);
    expect(follower.lines).toEqual([...numbered(5, 'a'), ...numbered(5, 'b')]);
    expect(follower.events.find(({ kind }) => kind === 'gap')).toMatchObject({ after: instant(4), before: instant(5) });
    await follower.stop();
  });

  test('the end of an instance that was restarted while Kubernetes was away', async () => {
    cluster.start();
    const follower = read();
    await log(5, 'a');
    cluster.away = 2;
    cluster.drop();
    cluster.write('last words');
    cluster.end();
    cluster.start();
    await log(2, 'b');
    await advance(20);
    expect(follower.lines).toEqual([...numbered(5, 'a'), 'last words', ...numbered(2, 'b')]);
    await follower.stop();
  });

  test.each([undefined, 2.05])('a status that is behind what the kubelet serves (since %p)', async (since) => {
    const first = cluster.start();
    await log(2, 'a');
    cluster.statusLag = 450;
    cluster.end();
    cluster.start();
    cluster.write('b 0');
    await advance(0.1);
    cluster.write('b 1');
    // The log of now is the second one's already, which nobody tells.
    const follower = read({ since: since === undefined ? undefined : instant(since) });
    await advance(0.1);
    await log(2, 'c');
    await advance(20);
    cluster.end();
    cluster.start();
    await log(2, 'd');
    await collect(first);
    await advance(150);
    const earlier = since === undefined ? ['a 0', 'a 1', 'b 0'] : [];
    expect(follower.lines).toEqual([...earlier, 'b 1', 'c 0', 'c 1', 'd 0', 'd 1']);
    await follower.stop();
  });

  test('instances that came and went unnoticed come from the archive, in their place', async () => {
    const first = cluster.start();
    await log(2, 'a');
    cluster.end();
    await advance(5);
    const second = cluster.start();
    await log(2, 'b');
    cluster.end();
    await advance(5);
    cluster.start();
    await log(2, 'c');
    const follower = read();
    await advance(10);
    expect(follower.lines).toEqual([]);
    await collect(first);
    await collect(second);
    await advance(121);
    expect(follower.lines).toEqual([...numbered(2, 'a'), ...numbered(2, 'b'), ...numbered(2, 'c')]);
    await follower.stop();
  });

  test('a pod that goes away: the rest comes from the archive', async () => {
    cluster.start();
    const follower = read();
    await log(5, 'a');
    cluster.drop();
    cluster.write('last words');
    cluster.exists = false;
    await advance(30);
    expect(follower.lines).toEqual(numbered(5, 'a'));
    await collect();
    await advance(5);
    expect(follower.lines).toEqual([...numbered(5, 'a'), 'last words']);
    await advance(300);
    expect([follower.done, follower.error]).toEqual([true, undefined]);
  });

  test('a last line without a newline is given when its container is over, and not before', async () => {
    cluster.start();
    await log(3);
    const follower = read();
    cluster.writeUnfinished('last wor');
    await advance(10);
    const running = read({ follow: false });
    await advance(10);
    expect([running.done, running.lines, follower.lines]).toEqual([true, numbered(3), numbered(3)]);
    cluster.end('main', true);
    await advance(10);
    const ended = read({ follow: false });
    await advance(10);
    const all = [...numbered(3), 'last wor'];
    expect([follower.done, follower.lines, ended.done, ended.lines]).toEqual([true, all, true, all]);
  });

  test('rotated, and nothing in the new file yet: what the archive has is given', async () => {
    cluster.start();
    await log(5);
    await collect();
    cluster.rotate(false);
    const [follower, once, tail] = [read(), read({ follow: false }), read({ follow: false, tail: 2 })];
    await advance(10);
    expect(follower.lines).toEqual(numbered(5));
    expect([once.done, once.lines, kinds(once).includes('gap')]).toEqual([true, numbered(5), false]);
    expect([tail.done, tail.lines]).toEqual([true, numbered(5).slice(-2)]);
    await log(2, 'new');
    // Only the archive can tell that nothing stood before them.
    await collect();
    await advance(5);
    expect(follower.lines).toEqual([...numbered(5), ...numbered(2, 'new')]);
    expect(kinds(follower)).not.toContain('gap');
    await follower.stop();
  });

  test('an instance that began after the status that is shared is followed, not taken for an older one', async () => {
    cluster.start();
    const other = read();
    await log(5, 'a');
    await collect();
    const { podRequests } = cluster;
    while (cluster.podRequests === podRequests) await advance(0.1);
    await advance(0.1);
    cluster.end();
    cluster.start();
    cluster.write('b 0');
    await collect();
    await advance(0.1);
    const follower = read();
    await advance(5);
    await log(2, 'more');
    await advance(5);
    const all = [...numbered(5, 'a'), 'b 0', ...numbered(2, 'more')];
    expect([follower.lines, other.lines]).toEqual([all, all]);
    await follower.stop();
    await other.stop();
  });

  test('the last words of an instance two restarts ago, long after it said something: waited for', async () => {
    const first = cluster.start();
    cluster.write('a');
    await collect(first);
    await advance(300);
    cluster.write('last words');
    cluster.end();
    for (const log of ['b', 'c']) {
      await advance(5);
      cluster.start();
      cluster.write(log);
      if (log === 'b') cluster.end();
    }
    const follower = read();
    await advance(10);
    expect(follower.lines).toEqual(['a']);
    await collect(first);
    await advance(121);
    expect(follower.lines).toEqual(['a', 'last words', 'b', 'c']);
    await follower.stop();
  });
});

describe('the first line of a container', () => {
  test('within ten seconds after its start nothing was before it', async () => {
    cluster.start();
    await advance(5);
    cluster.write('one');
    await advance(15);
    cluster.write('two');
    const once = read({ follow: false });
    const follower = read();
    await advance(1);
    expect([once.done, once.lines, kinds(once).includes('gap')]).toEqual([true, ['one', 'two'], false]);
    expect(follower.lines).toEqual(['one', 'two']);
    await follower.stop();
  });

  test('later: those who follow wait for the archive, the others for some seconds', async () => {
    cluster.start();
    await advance(20);
    cluster.write('one');
    await advance(10);
    const [once, tail, follower] = [read({ follow: false }), read({ follow: false, tail: 1 }), read()];
    await advance(4);
    expect([once.lines, tail.lines]).toEqual([[], []]);
    await advance(2);
    expect([once.done, once.lines, kinds(once).filter((kind) => kind === 'gap')]).toEqual([true, ['one'], ['gap']]);
    expect([tail.done, tail.lines]).toEqual([true, ['one']]);
    expect(follower.lines).toEqual([]);
    await collect();
    await advance(3);
    expect([follower.lines, kinds(follower).includes('gap')]).toEqual([['one'], false]);
    await follower.stop();
  });

  test.each([-30_000, 0, 30_000])('late, but waited for from the start (store clock off by %i ms)', async (skew) => {
    store.clock += skew;
    cluster.exists = true;
    const follower = read();
    await advance(5);
    cluster.start();
    await advance(60);
    cluster.write('one');
    await advance(1);
    expect([follower.lines, kinds(follower).includes('gap')]).toEqual([['one'], false]);
    await follower.stop();
  });

  test.each([-30_000, 0, 30_000])('rotated away unseen (store clock off by %i ms): waited for', async (skew) => {
    cluster.start();
    cluster.write('rotated away');
    await advance(10);
    cluster.write('this too');
    cluster.rotate(false);
    await advance(10);
    cluster.write('kept');
    store.clock += skew;
    const [lost, follower] = [read({ follow: false }), read()];
    await advance(10);
    expect([lost.lines, kinds(lost).includes('gap')]).toEqual([['kept'], true]);
    expect(follower.lines).toEqual([]);
    await collect();
    await advance(10);
    expect([follower.lines, kinds(follower).includes('gap')]).toEqual([['rotated away', 'this too', 'kept'], false]);
    await follower.stop();
  });
});

describe('previous instances of two containers', () => {
  const all = ['m1', 'm2', 's1', 's2'];
  const containers = ['main', 'side'];
  const previous = async (changes: Partial<JobLogRequest> = {}): Promise<Collected> => {
    const once = read({ containers, previous: true, follow: false, ...changes });
    await advance(5);
    expect([once.done, once.error]).toEqual([true, undefined]);
    return once;
  };
  const restarted = async (): Promise<void> => {
    for (const name of containers) {
      const instance = cluster.start(name);
      for (const each of [1, 2]) {
        cluster.write(`${name[0]}${each}`, undefined, name);
        await advance(1);
      }
      await collect(instance, name);
      cluster.end(name);
    }
    await advance(400);
    for (const name of containers) {
      cluster.start(name);
      cluster.write(`${name} runs`, undefined, name);
      await collect(cluster.current(name), name);
    }
  };

  test.each([true, false])('page by page, and the last ones (pod is there: %s)', async (exists) => {
    cluster = new FakeCluster(clock, containers);
    reader = new JobLogReader({
      archive: archiveOf(store),
      storeNow: () => store.now(),
      kube: cluster.kube,
      maxMessage: MAX_MESSAGE,
      clock,
    });
    await restarted();
    cluster.exists = exists;
    const whole = await previous();
    expect(whole.lines).toEqual(all);
    const marks = whole.events.flatMap((event) =>
      event.kind === 'messages' ? event.messages.map((_, at) => event.markOf(at)) : [],
    );
    for (const [at, after] of marks.entries()) expect((await previous({ after })).lines).toEqual(all.slice(at + 1));
    for (const tail of [0, 1, 2, 3, 4, 9]) {
      expect((await previous({ tail })).lines).toEqual(tail === 0 ? [] : all.slice(-tail));
    }
  });
});

describe('parts of a log', () => {
  beforeEach(async () => {
    cluster.start();
    for (let minute = 0; minute < 8; minute++) {
      await log(60, `minute ${minute}`);
      await collect();
    }
    await log(20, 'live');
  });

  const expected = (): string[] => cluster.current().lines.map(({ log: text }) => text);

  test.each([0, 1, 5, 20, 21, 100, 320, 400, 499, 500, 501, 1000])('the last %i', async (tail) => {
    const once = read({ follow: false, tail });
    const follower = read({ tail });
    await advance(2);
    const last = tail === 0 ? [] : expected().slice(-tail);
    expect([once.done, once.lines, once.error]).toEqual([true, last, undefined]);
    cluster.write('new');
    await advance(1);
    expect(follower.lines).toEqual([...last, 'new']);
    await follower.stop();
  });

  test('the last ones, while more is written', async () => {
    const busy = new JobLogReader({
      archive: archiveOf(store),
      storeNow: () => store.now(),
      kube: {
        pod: async () => cluster.kube.pod('team', 'job-a'),
        log: async (request: PodLogRequest) => {
          cluster.write('while it was read');
          return cluster.kube.log(request);
        },
      } as unknown as Kube,
      maxMessage: MAX_MESSAGE,
      clock,
    });
    for (const tail of [1, 3, 400]) {
      const once = new Collected(busy.read({ ...REQUEST, follow: false, tail }));
      await advance(2);
      expect([once.done, once.lines.length]).toEqual([true, tail]);
    }
  });

  test.each([0, 3, 200, 400, 470, 479, 480, 490, 499, 600])('since %i', async (at) => {
    const once = read({ follow: false, since: instant(at) });
    await advance(3);
    const later = cluster.current().lines.filter((line) => line.at >= at);
    expect([once.done, once.lines.length, kinds(once).includes('gap')]).toEqual([true, later.length, false]);
    expect(once.lines).toEqual(later.map(({ log: text }) => text));
  });

  test('after any mark', async () => {
    const all = read({ follow: false });
    await advance(2);
    const marks = all.events.flatMap((event) =>
      event.kind === 'messages' ? event.messages.map((_, at) => event.markOf(at)) : [],
    );
    expect(marks).toHaveLength(500);
    for (const at of [0, 1, 100, 179, 180, 181, 300, 470, 480, 490, 498, 499]) {
      const rest = read({ follow: false, after: marks[at] });
      const follower = read({ after: marks[at] });
      await advance(2);
      expect([rest.done, rest.error, rest.lines]).toEqual([true, undefined, expected().slice(at + 1)]);
      expect(follower.lines).toEqual(expected().slice(at + 1));
      await follower.stop();
    }
  });

  test('until ends it', async () => {
    const follower = read({ until: instant(505) });
    await log(10, 'more');
    expect([follower.done, follower.lines.length]).toEqual([true, 506]);
  });

  test('what is wanted of it', async () => {
    const wanted = ({ bytes, logEnd }: { bytes: Uint8Array; logEnd: number }): boolean => bytes[logEnd - 1] === 0x37;
    const tail = read({ follow: false, wanted, tail: 3 });
    await advance(2);
    expect(tail.lines).toEqual(['minute 7 57', 'live 7', 'live 17']);
  });

  test('a stream, which Kubernetes does not tell: the archive alone', async () => {
    const once = read({ follow: false, stream: 'stdout' });
    await advance(2);
    expect([once.lines.length, kinds(once).includes('live')]).toEqual([480, false]);
  });
});
