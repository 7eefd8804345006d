import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseTime } from '@cordwood/log-record';
import { eventually, type KubeApiDouble, startKubeApi } from '@cordwood/testkit';
import {
  ContainerNotFoundError,
  ContainerWaitingError,
  type Kube,
  KubeConnectionLostError,
  KubeError,
  KubeForbiddenError,
  KubeletError,
  KubeUnavailableError,
  PodNotFoundError,
  type PodLogRequest,
  PreviousNotFoundError,
} from './index.ts';
import { failure, gather, openCluster, type SpecCluster, textOf } from './spec-support.ts';

let cluster: SpecCluster<KubeApiDouble>;
let api: KubeApiDouble;
let kube: Kube;

beforeEach(async () => {
  cluster = await openCluster(await startKubeApi(), { timeoutMs: 60_000 });
  ({ api, kube } = cluster);
});

afterEach(async () => {
  await cluster.close();
});

const REQUEST = { namespace: 'jobs', pod: 'a', container: 'a' } as const;
const open = (more: Partial<PodLogRequest> = {}) => kube.log({ ...REQUEST, ...more });
const read = async (more: Partial<PodLogRequest> = {}) => textOf(await open(more));
const at = (second: number, fraction = '') => `2026-11-21T10:00:${String(second).padStart(2, '0')}${fraction}Z`;

describe('a log', () => {
  test('is what is there now', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    container.write('two');
    expect(await read()).toBe('one\ntwo\n');
  });

  test('has times when they are asked for, one per line, that of its first part', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one', { time: at(0, '.5') });
    container.write('par', { time: at(1, '.000000001'), part: 'P' });
    container.write('tial', { time: at(2), stream: 'stdout' });
    expect(await read({ timestamps: true })).toBe(`${at(0, '.500000000')} one\n${at(1, '.000000001')} partial\n`);
  });

  test('begins at the second of sinceTime, by the time of each written line', async () => {
    const container = api.createPod({ name: 'a' }).container();
    for (const time of [at(1, '.9'), at(2, '.1'), at(2, '.9'), at(3)]) container.write(time, { time });
    expect(await read({ sinceTime: parseTime(at(2, '.8'))! })).toBe(`${at(2, '.1')}\n${at(2, '.9')}\n${at(3)}\n`);
    expect(api.requests.at(-1)?.query.get('sinceTime')).toBe(at(2));
  });

  test.each([
    [{ tailLines: 2 }, 'two\nthree\n'],
    [{ tailLines: 0 }, ''],
    [{ limitBytes: 5 }, 'one\nt'],
    [{ tailLines: 2, limitBytes: 5 }, 'two\nt'],
  ])('with %j', async (parameters, expected) => {
    const container = api.createPod({ name: 'a' }).container();
    for (const line of ['one', 'two', 'three']) container.write(line);
    expect(await read(parameters)).toBe(expected);
  });

  test('of the instance before', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('first');
    container.restart();
    container.write('second');
    container.restart();
    container.write('third');
    expect([await read({ previous: true }), await read()]).toEqual(['second\n', 'third\n']);
  });

  test('of a container that waits to be started again is that of the instance that ended', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('first');
    container.restart({ hold: true });
    expect([await read({ previous: true }), await read()]).toEqual(['first\n', 'first\n']);
  });

  test('after a rotation is the latest file alone', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('old');
    container.rotate();
    container.write('new');
    expect(await read()).toBe('new\n');
  });

  test('of init and ephemeral containers', async () => {
    const pod = api.createPod({ name: 'a', initContainers: [{ name: 'i' }], ephemeralContainers: [{ name: 'e' }] });
    pod.container('i').write('init');
    pod.container('e').write('debug');
    expect([await read({ container: 'i' }), await read({ container: 'e' })]).toEqual(['init\n', 'debug\n']);
  });

  test('of names that are no names asks for nothing else', async () => {
    expect(await failure(open({ pod: '../../secrets', container: 'a&follow=true' }))).toBeInstanceOf(PodNotFoundError);
    expect(api.requests.at(-1)).toMatchObject({ kind: 'log', pod: '../../secrets' });
    expect(api.requests.at(-1)?.query.get('container')).toBe('a&follow=true');
  });
});

describe('a followed log', () => {
  test('goes on until the container ends', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const log = gather(await open({ follow: true }));
    container.write('two');
    await eventually('two', () => log.text === 'one\ntwo\n');
    expect(api.openFollows).toBe(1);
    container.write('three');
    container.terminate();
    await log.over;
    expect(log.text).toBe('one\ntwo\nthree\n');
  });

  test('ends with the instance, when the container is restarted', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const log = gather(await open({ follow: true }));
    container.restart();
    container.write('two');
    await log.over;
    expect(log.text).toBe('one\n');
  });

  test('goes on through a rotation, or ends there', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const log = gather(await open({ follow: true }));
    container.rotate();
    container.write('two');
    await eventually('two', () => log.text === 'one\ntwo\n');
    container.rotate({ follow: 'closes' });
    container.write('three');
    await log.over;
    expect(log.text).toBe('one\ntwo\n');
  });

  test('ends when the pod goes', async () => {
    const pod = api.createPod({ name: 'a' });
    pod.container().write('one');
    const log = gather(await open({ follow: true }));
    pod.container().write('last');
    pod.delete();
    await log.over;
    expect(log.text).toBe('one\nlast\n');
    expect(await failure(open())).toBeInstanceOf(PodNotFoundError);
  });

  test('begins when there is something to say, however long that takes', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi(), { timeoutMs: 50, logTimeoutMs: 50 });
    ({ api, kube } = cluster);
    const container = api.createPod({ name: 'a' }).container();
    const opening = open({ follow: true });
    await eventually('asked', () => api.openFollows === 1);
    // Other requests run into their time-out meanwhile: so much time has passed.
    const held = api.fault({ match: ({ kind }) => kind === 'version', fault: { hold: true } });
    await expect(kube.check()).rejects.toThrow(KubeUnavailableError);
    held.release();
    container.write('at last');
    container.terminate();
    expect(await textOf(await opening)).toBe('at last\n');
  });

  test('takes the reader’s pace: what is not read is not sent', async () => {
    const container = api.createPod({ name: 'a' }).container();
    const line = 'x'.repeat(16_000);
    for (let i = 0; i < 4000; i++) container.write(line);
    const log = await open({ follow: true });
    const chunks = log[Symbol.asyncIterator]();
    await chunks.next();
    // 64 MB do not fit into the buffers of sockets and streams, so the answer can't be over.
    container.terminate();
    await kube.check();
    expect(api.openFollows).toBe(1);
    let length = 0;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) length += next.value.length;
    expect(length).toBeGreaterThan(3000 * 16_001);
  });

  test('many are followed at once', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const logs = await Promise.all(Array.from({ length: 300 }, () => open({ follow: true })));
    const gathered = logs.map((log) => gather(log));
    expect(api.openFollows).toBe(300);
    // None of them keeps other requests waiting.
    expect(await kube.pod('jobs', 'a')).toBeDefined();
    container.write('two');
    container.terminate();
    await Promise.all(gathered.map(({ over }) => over));
    expect(new Set(gathered.map(({ text }) => text))).toEqual(new Set(['one\ntwo\n']));
  });

  test('more than may be open are refused, as long as they are', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi(), { maxLogs: 2 });
    ({ api, kube } = cluster);
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const [first, second] = [await open({ follow: true }), await open({ follow: true })];
    expect(await failure(open())).toMatchObject({ name: 'KubeUnavailableError', retryAfter: expect.any(Number) });
    await first[Symbol.asyncIterator]().return?.();
    container.terminate();
    expect(await textOf(second)).toBe('one\n');
    expect(await eventually('room', () => read().catch(() => undefined))).toBe('one\n');
  });
});

describe('ending early', () => {
  test('leaving the iteration closes the connection', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    for await (const _ of await open({ follow: true })) break;
    expect(await eventually('closed', () => api.openLogs === 0)).toBe(true);
  });

  test('the signal ends it before the answer', async () => {
    api.createPod({ name: 'a' });
    const stop = new AbortController();
    const opening = failure(open({ follow: true, signal: stop.signal }));
    await eventually('asked', () => api.openFollows === 1);
    stop.abort(new Error('enough'));
    expect(await opening).toMatchObject({ message: 'enough' });
    await eventually('closed', () => api.openLogs === 0);
  });

  test('the signal ends it in the middle, also when what came is not read yet', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const stop = new AbortController();
    const [reading, waiting] = [
      gather(await open({ follow: true, signal: stop.signal })),
      await open({ follow: true, signal: stop.signal }),
    ];
    await eventually('one', () => reading.text === 'one\n');
    stop.abort(new Error('enough'));
    await expect(reading.over).rejects.toThrow('enough');
    await expect(gather(waiting).over).rejects.toThrow('enough');
    await eventually('closed', () => api.openLogs === 0);
    expect(reading.text).toBe('one\n');
  });

  test('a log that nobody reads is closed by the signal', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    const stop = new AbortController();
    await open({ follow: true, signal: stop.signal });
    stop.abort();
    expect(await eventually('closed', () => api.openLogs === 0)).toBe(true);
  });

  test('an aborted signal asks for nothing', async () => {
    expect(await failure(open({ signal: AbortSignal.abort() }))).toMatchObject({ name: 'AbortError' });
    expect(api.requests).toHaveLength(0);
  });
});

describe('a connection that breaks', () => {
  test('in the middle of a log: what came is given, then an error', async () => {
    const container = api.createPod({ name: 'a' }).container();
    for (let i = 0; i < 10; i++) container.write('123456789');
    api.fault({ fault: { dropAfter: 55 } });
    const log = gather(await open({ follow: true }));
    await expect(log.over).rejects.toThrow(KubeConnectionLostError);
    expect(log.text).toBe('123456789\n'.repeat(6).slice(0, 55));
  });

  test('while nothing comes', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    const log = gather(await open({ follow: true }));
    await eventually('one', () => log.text === 'one\n');
    api.dropLogs();
    await expect(log.over).rejects.toThrow(KubeConnectionLostError);
  });

  test('an answer that ends too early but orderly is no error: only who reads it can tell', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    container.write('two');
    api.fault({ fault: { closeAfter: 4 } });
    expect(await read({ follow: true })).toBe('one\n');
  });

  test('before the answer: Kubernetes is away', async () => {
    api.createPod({ name: 'a' });
    api.fault({ fault: { refuse: true }, times: Infinity });
    expect(await failure(open())).toBeInstanceOf(KubeUnavailableError);
    api.down = true;
    expect(await failure(open({ follow: true }))).toBeInstanceOf(KubeUnavailableError);
  });

  test('slow bodies are waited for', async () => {
    const container = api.createPod({ name: 'a' }).container();
    for (let i = 0; i < 10; i++) container.write('123456789');
    api.fault({ fault: { bytesPerSecond: 1000 } });
    expect(await read()).toBe('123456789\n'.repeat(10));
  });

  test('a body may take longer than its answer may take to begin', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi(), { timeoutMs: 5_000, logTimeoutMs: 5_000 });
    ({ api, kube } = cluster);
    const container = api.createPod({ name: 'a' }).container();
    for (let i = 0; i < 10; i++) container.write('123456789');
    api.fault({ fault: { bytesPerSecond: 15 } });
    expect(await read()).toBe('123456789\n'.repeat(10));
  });

  test('an answer that does not begin in time, without follow', async () => {
    await cluster.close();
    cluster = await openCluster(await startKubeApi(), { logTimeoutMs: 50 });
    ({ api, kube } = cluster);
    api.createPod({ name: 'a' });
    const held = api.fault({ fault: { hold: true } });
    expect(await failure(open())).toBeInstanceOf(KubeUnavailableError);
    held.release();
  });
});

describe('errors', () => {
  test('no such pod', async () => {
    expect(await failure(open())).toBeInstanceOf(PodNotFoundError);
  });

  test('no such container', async () => {
    api.createPod({ name: 'a' });
    expect(await failure(open({ container: 'b' }))).toBeInstanceOf(ContainerNotFoundError);
  });

  test('no instance before', async () => {
    api.createPod({ name: 'a' });
    expect(await failure(open({ previous: true }))).toBeInstanceOf(PreviousNotFoundError);
  });

  test.each([
    ['ContainerCreating', 'ContainerCreating'],
    ['PodInitializing', 'PodInitializing'],
    ['ErrImagePull', "image can't be pulled"],
    ['ImagePullBackOff', 'trying and failing to pull image'],
  ])('a container that waits: %s', async (waiting, reason) => {
    api.createPod({ name: 'a', containers: [{ name: 'a', waiting }] });
    const error = await failure(open({ follow: true }));
    expect(error).toBeInstanceOf(ContainerWaitingError);
    expect(error).toMatchObject({ reason, message: expect.stringContaining('container a of pod jobs/a') });
  });

  test('a pod that no node runs has an empty log', async () => {
    api.createPod({ name: 'a', scheduled: false });
    expect(await read()).toBe('');
  });

  test.each([
    [401, KubeForbiddenError],
    [403, KubeForbiddenError],
    [429, KubeUnavailableError],
    [500, KubeletError],
    [502, KubeUnavailableError],
    [503, KubeUnavailableError],
    [422, KubeError],
  ])('status %i', async (status, type) => {
    api.createPod({ name: 'a' });
    api.fault({ fault: { status } });
    const error = (await failure(open())) as KubeError;
    expect(error).toBeInstanceOf(type);
    expect([error.constructor, error.status]).toEqual([type, status]);
  });

  test('too many requests say when to come again', async () => {
    api.fault({ fault: { status: 429, retryAfter: 7 } });
    expect(await failure(open())).toMatchObject({ name: 'KubeUnavailableError', retryAfter: 7 });
  });

  test('messages keep what Kubernetes says about its inside', async () => {
    api.createPod({ name: 'a' });
    const said =
      'Get "https://node-7.internal:10250/containerLogs/jobs/a/a": dial tcp 10.1.2.3:10250: connect: refused';
    api.fault({ fault: { status: 500, message: said } });
    const error = (await failure(open())) as KubeError;
    expect(error).toMatchObject({ name: 'KubeletError', detail: said });
    expect(error.message).not.toMatch(/node-7|10\.1\.2\.3/);
  });
});

describe('a message of the kubelet in the place of a log', () => {
  const MESSAGES = [
    'rpc error: code = NotFound desc = an error occurred when try to find container "x": not found',
    'failed to try resolving symlinks in path "/var/log/pods/jobs_a/a/0.log": no such file or directory',
    'unable to retrieve container logs for containerd://abc',
    'failed to open log file "/var/log/pods/jobs_a/a/0.log": open: no such file',
  ];

  test.each(MESSAGES)('with status 200: %s', async (body) => {
    api.createPod({ name: 'a' });
    api.fault({ fault: { body }, times: Infinity });
    for (const timestamps of [true, false]) {
      const error = await failure(open({ follow: true, timestamps }));
      expect(error).toBeInstanceOf(KubeletError);
      expect(error).toMatchObject({ detail: body });
    }
  });

  test.each(MESSAGES)('with status 400: %s', async (message) => {
    api.createPod({ name: 'a' });
    api.fault({ fault: { status: 400, message } });
    expect(await failure(open())).toBeInstanceOf(KubeletError);
  });

  test.each(MESSAGES)('is no such thing when an application wrote it: %s', async (line) => {
    const container = api.createPod({ name: 'a' }).container();
    container.write(line, { time: at(1) });
    expect(await read()).toBe(`${line}\n`);
    expect(await read({ timestamps: true })).toBe(`${at(1, '.000000000')} ${line}\n`);
    // Followed, it comes at once, though nothing comes after it.
    for (const timestamps of [true, false]) {
      const log = gather(await open({ follow: true, timestamps }));
      await eventually('the line', () => log.text.endsWith(`${line}\n`));
    }
  });

  test('is no such thing when it is long', async () => {
    api.createPod({ name: 'a' });
    const body = `rpc error: code = ${'x'.repeat(5000)}`;
    api.fault({ fault: { body } });
    expect(await read()).toBe(body);
  });

  test('is not waited for when it is long', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write(`rpc error: code = ${'x'.repeat(5000)}`, { part: 'P' });
    const log = gather(await open({ follow: true }));
    expect(await eventually('the part', () => log.text.length > 5000)).toBe(true);
  });

  test('a part of one is passed on as it stands', async () => {
    api.createPod({ name: 'a' });
    api.fault({ fault: { body: 'rpc err' } });
    expect(await read()).toBe('rpc err');
  });
});
