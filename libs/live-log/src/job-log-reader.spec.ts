import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createKube, type KubeClient, loadKubeConfig } from '@cordwood/kube';
import { recordTime } from '@cordwood/log-record';
import {
  compactPod,
  type ContainerDouble,
  eventually,
  fluentBitUpload,
  type InstanceDouble,
  type KubeApiDouble,
  openTestStore,
  type PodDouble,
  startKubeApi,
  type TestStore,
} from '@cordwood/testkit';
import { type JobLogRequest, NoPreviousInstanceError } from './job-log.ts';
import { JobLogReader } from './job-log-reader.ts';
import type { JobLogOptions, Timing } from './options.ts';
import { archiveOf, Collected, MAX_MESSAGE } from './spec-support.ts';

/** Quick, but patient where a busy machine could make a difference. */
const TIMING: Partial<Timing> = {
  lookInterval: 50,
  statusInterval: 50,
  statusAge: 20,
  archiveWait: 100_000,
  settle: 200,
  retryFirst: 10,
  retryMost: 100,
};

let bucket: TestStore;
let api: KubeApiDouble;
let kube: KubeClient;
let pod: PodDouble;
let main: ContainerDouble;
let index = 0;
let jobs = 0;
const readers: Collected[] = [];

beforeAll(async () => {
  bucket = await openTestStore();
});
afterAll(async () => bucket.close());
beforeEach(async () => {
  api = await startKubeApi();
  const config = loadKubeConfig({ mode: 'kubeconfig', env: { KUBECONFIG: await api.kubeconfig() } });
  if (config === undefined) throw new Error('no config');
  kube = createKube(config);
  pod = api.createPod({ name: `job-${++jobs}`, containers: [{ name: 'main', waiting: 'ContainerCreating' }] });
  main = pod.container('main');
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map(async (reader) => reader.stop()));
  await eventually('no open logs', () => api.openLogs === 0);
  kube.close();
  await api.stop();
});

/** Looks at the archive so far. */
let looks = 0;
const counted = ({ open, messages }: JobLogOptions['archive']): JobLogOptions['archive'] => ({
  open: async (...of) => {
    const found = await open(...of);
    looks++;
    return found;
  },
  messages,
});

/** Waits until the expectation holds. */
const soon = async (expectation: () => void): Promise<void> => {
  await eventually('what is expected', () => {
    expectation();
    return true;
  });
};

const requestsFor = ({ name }: PodDouble): number => api.requests.filter((request) => request.pod === name).length;

const reader = (timing: Partial<Timing> = {}): JobLogReader =>
  new JobLogReader({
    archive: counted(archiveOf(bucket.store)),
    storeNow: () => Date.now(),
    kube,
    maxMessage: MAX_MESSAGE,
    timing: { ...TIMING, ...timing },
  });

function read(changes: Partial<JobLogRequest> = {}, timing: Partial<Timing> = {}): Collected {
  const request = { pod: pod.name, namespace: 'jobs', containers: ['main'], follow: true, ...changes };
  const collected = new Collected(reader(timing).read(request));
  readers.push(collected);
  return collected;
}

async function collect(instance: InstanceDouble = main.current, count?: number): Promise<void> {
  const lines = instance.collect(count);
  if (lines.length > 0) await fluentBitUpload(bucket.store, instance, lines, { index: index++ });
}

function write(prefix: string, count: number, container = main): string[] {
  return Array.from({ length: count }, (_, at) => {
    container.write(`${prefix} ${at}`);
    return `${prefix} ${at}`;
  });
}

const expectLines = async (collected: Collected, lines: readonly string[]): Promise<void> => {
  await soon(() => expect(collected.lines).toHaveLength(lines.length));
  expect(collected.lines).toEqual(lines);
};
const expectEnd = async (collected: Collected): Promise<void> => {
  await soon(() => expect(collected.done).toBe(true));
  expect(collected.error).toBeUndefined();
};
const kinds = ({ events }: Collected): string[] => [...new Set(events.map(({ kind }) => kind))].toSorted();

describe('a real bucket and a Kubernetes API', () => {
  test('pending, running, started again, finished, gone: the same lines at every time', async () => {
    const follower = read();
    await eventually('it has looked again and again', () => api.count('pod') >= 4);
    expect(follower.events).toEqual([]);
    main.start();
    const all = write('first', 50);
    await expectLines(follower, all);
    await collect();
    all.push(...write('end of the first', 3));
    main.restart();
    all.push(...write('second', 20));
    await expectLines(follower, all);
    main.terminate();
    await expectEnd(follower);
    expect(kinds(follower)).toEqual(['live', 'messages']);
    const finished = read({ follow: false });
    await expectEnd(finished);
    expect(finished.lines).toEqual(all);
    for (const instance of main.instances) await collect(instance);
    await compactPod(bucket.store, pod.name);
    const merged = read({ follow: false });
    await expectEnd(merged);
    expect(merged.lines).toEqual(all);
    pod.delete();
    const gone = read({ follow: false });
    await expectEnd(gone);
    expect([gone.lines, kinds(gone)]).toEqual([all, ['messages']]);
  });

  test.each(['closes', 'continues'] as const)('rotation that %s', async (follow) => {
    main.start();
    const follower = read();
    const all = write('a', 10);
    await expectLines(follower, all);
    for (let file = 0; file < 3; file++) {
      main.rotate({ follow });
      all.push(...write(`file ${file}`, 5));
      await collect();
      await expectLines(follower, all);
      await compactPod(bucket.store, pod.name);
    }
    const late = read();
    await expectLines(late, all);
    all.push(...write('more', 5));
    await expectLines(follower, all);
    await expectLines(late, all);
    expect([...kinds(follower), ...kinds(late)]).not.toContain('gap');
  });

  test('a crash loop', async () => {
    main.start();
    const follower = read();
    const all: string[] = [];
    for (let run = 0; run < 6; run++) {
      // No pod is started again twice within a request.
      await eventually('the run is followed', () => api.openFollows === 1);
      all.push(...write(`run ${run}`, 3));
      if (run % 2 === 1) await collect();
      main.restart({ hold: run % 3 === 0 });
      await expectLines(follower, all);
      if (run % 3 === 0) main.start();
    }
    await expectLines(follower, all);
    for (const instance of main.instances) await collect(instance);
    const once = read({ follow: false }, { archiveWait: 100 });
    await expectEnd(once);
    expect(once.lines).toEqual(all);
  });

  test('the archive is late: what was rotated away is waited for', async () => {
    main.start();
    const all = write('rotated away', 10);
    main.rotate();
    all.push(...write('there', 5));
    const follower = read({}, { firstLineWithin: -10_000 });
    await soon(() => expect(api.count('log')).toBe(1));
    const before = looks;
    await eventually('it has looked at the archive again and again', () => looks >= before + 4);
    expect(follower.lines).toEqual([]);
    await collect(main.current, 4);
    await expectLines(follower, all.slice(0, 4));
    await collect();
    all.push(...write('new', 5));
    await expectLines(follower, all);
    expect(kinds(follower)).toEqual(['live', 'messages']);
  });

  test('connections that break, and a Kubernetes that refuses', async () => {
    main.start();
    const follower = read();
    const all = write('a', 100);
    await expectLines(follower, all);
    for (const fault of [
      { status: 429, retryAfter: 0 },
      { status: 500 },
      { refuse: true },
      { dropAfter: 300 },
      { append: 'rpc error: code = Unknown desc = failed to read the log' },
      { body: 'failed to try resolving symlinks in path "/var/log/pods/x": no such file or directory' },
    ]) {
      api.fault({ match: ({ kind }) => kind === 'log', times: 2, fault });
      api.dropLogs();
      all.push(...write(JSON.stringify(fault), 20));
      await expectLines(follower, all);
      await collect();
    }
    expect(kinds(follower)).toEqual(['live', 'messages']);
  });

  test('the previous instance', async () => {
    main.start();
    write('first', 5);
    const none = read({ follow: false, previous: true });
    await soon(() => expect(none.error).toBeInstanceOf(NoPreviousInstanceError));
    main.restart();
    const second = write('second', 5);
    await collect();
    second.push(...write('not archived', 5));
    main.restart();
    write('third', 5);
    const previous = read({ follow: false, previous: true });
    await expectEnd(previous);
    expect(previous.lines).toEqual(second);
    const tail = read({ follow: false, previous: true, tail: 7 });
    await expectEnd(tail);
    expect(tail.lines).toEqual(second.slice(-7));
  });

  test('the last lines, where the archive ends and the live log begins; and after a mark in either', async () => {
    main.start();
    const all = write('archived', 40);
    await collect();
    await compactPod(bucket.store, pod.name);
    all.push(...write('raw', 10));
    await collect();
    all.push(...write('live', 10));
    // Nothing is too young for the archive, save what is not there.
    const timing = { archiveMargin: 0, stepBack: 0 };
    for (const tail of [1, 10, 11, 15, 20, 21, 60, 100]) {
      const once = read({ follow: false, tail }, timing);
      await expectEnd(once);
      expect(once.lines).toEqual(all.slice(-tail));
    }
    const whole = read({ follow: false }, timing);
    await expectEnd(whole);
    const marks = whole.events.flatMap((event) =>
      event.kind === 'messages' ? event.messages.map((_, at) => event.markOf(at)) : [],
    );
    for (const at of [0, 39, 40, 49, 50, 55, 59]) {
      const rest = read({ follow: false, after: marks[at] }, timing);
      await expectEnd(rest);
      expect(rest.lines).toEqual(all.slice(at + 1));
    }
  });

  test('a clock that is set back', async () => {
    main.start();
    const at = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString().replace('Z', '000000Z');
    const all: string[] = [];
    const line = (seconds: number): void => {
      all.push(`line ${all.length}`);
      main.write(all.at(-1) ?? '', { time: at(seconds) });
    };
    const follower = read();
    for (const seconds of [0, 1, 2, -3, -2, 1]) line(seconds);
    await expectLines(follower, all);
    api.dropLogs();
    for (const seconds of [-4, 0, 2]) line(seconds);
    await expectLines(follower, all);
    await collect();
    const once = read({ follow: false });
    await expectEnd(once);
    expect(once.lines).toEqual(all);
  });

  test('two containers, as their lines come', async () => {
    pod = api.createPod({ name: `job-${++jobs}`, containers: [{ name: 'main' }, { name: 'side' }] });
    main = pod.container('main');
    const side = pod.container('side');
    const all = write('m', 5);
    const others = write('s', 5, side);
    await collect();
    const follower = read({ containers: ['main', 'side'] });
    await soon(() => expect(follower.lines).toHaveLength(10));
    for (let round = 0; round < 5; round++) {
      all.push(...write(`m${round}`, 2));
      await soon(() => expect(follower.lines).toHaveLength(all.length + others.length));
      others.push(...write(`s${round}`, 2, side));
      await soon(() => expect(follower.lines).toHaveLength(all.length + others.length));
    }
    expect(follower.lines.filter((line) => line.startsWith('m'))).toEqual(all);
    expect(follower.lines.filter((line) => line.startsWith('s'))).toEqual(others);
    expect(follower.lines.slice(10, 14)).toEqual(['m0 0', 'm0 1', 's0 0', 's0 1']);
    const once = read({ containers: ['main', 'side'], follow: false, tail: 17 });
    await expectEnd(once);
    expect(once.lines).toEqual([...all.slice(-2), ...others]);
  });

  test('many followers: each line once for each, one look for all', async () => {
    main.start();
    const all = write('a', 20);
    const shared = reader();
    const followers = Array.from({ length: 20 }, () => {
      const request = { pod: pod.name, namespace: 'jobs', containers: ['main'], follow: true };
      const collected = new Collected(shared.read(request));
      readers.push(collected);
      return collected;
    });
    for (const follower of followers) await expectLines(follower, all);
    const before = api.count('pod');
    const from = performance.now();
    await eventually('they have looked again and again', () => api.count('pod') >= before + 20);
    // Two may have begun before; between any others lies the age up to which a look is shared.
    expect(performance.now() - from).toBeGreaterThan((20 - 2) * 20);
    main.restart();
    all.push(...write('b', 20));
    for (const follower of followers) await expectLines(follower, all);
    await Promise.all(followers.map(async (follower) => follower.stop()));
    await soon(() => expect(api.openLogs).toBe(0));
    // While somebody follows another pod, and looks at it again and again, nobody looks at this one.
    const asked = requestsFor(pod);
    const other = api.createPod({
      name: `job-${++jobs}`,
      containers: [{ name: 'main', waiting: 'ContainerCreating' }],
    });
    const request = { pod: other.name, namespace: 'jobs', containers: ['main'], follow: true };
    readers.push(new Collected(shared.read(request)));
    await eventually('the other one is looked at', () => requestsFor(other) >= 10);
    expect(requestsFor(pod)).toBe(asked);
  });

  test('a slow reader is waited for', async () => {
    main.start();
    const text = 'x'.repeat(1000);
    const log = reader().read({ pod: pod.name, namespace: 'jobs', containers: ['main'], follow: true });
    let last: number | undefined;
    let lines = 0;
    const write1000 = (): void => {
      for (let line = 0; line < 1000; line++) main.write(text);
    };
    write1000();
    for await (const event of log) {
      if (event.kind !== 'messages') continue;
      // Slower than lines come.
      await delay(5);
      expect(event.messages.length).toBeLessThan(1000);
      for (const message of event.messages) {
        const { seconds, nanos } = recordTime(message);
        const time = seconds + nanos / 1e9;
        expect(time).toBeGreaterThanOrEqual(last ?? 0);
        last = time;
      }
      if ((lines += event.messages.length) === 1000) write1000();
      if (lines >= 2000) break;
    }
    expect(lines).toBe(2000);
  });
});
