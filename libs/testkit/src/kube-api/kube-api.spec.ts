import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isUtf8 } from 'node:buffer';
import { LineDecoder, maxMessageLength, writeMessage } from '@cordwood/log-record';
import { parseRawKey } from '@cordwood/s3-key-format';
import { criText, eventually, fluentBitUpload, type KubeApiDouble, MemoryObjectStore, startKubeApi } from '../index.ts';

let api: KubeApiDouble;

beforeEach(async () => {
  api = await startKubeApi({ clock: () => Date.UTC(2026, 10, 21, 10) });
});

afterEach(async () => {
  await api.stop();
});

const get = (path: string, signal?: AbortSignal) =>
  fetch(`${api.url}/api/v1/namespaces/jobs/pods/${path}`, signal === undefined ? {} : { signal });

describe('the Kubernetes API double', () => {
  test('writes lines as a runtime does, each later than the one before', () => {
    const container = api.createPod({ name: 'a' }).container();
    const lines = [container.write('one'), container.write('two', { stream: 'stderr', part: 'P' })];
    expect(lines.map((line) => criText(line).toString())).toEqual([
      '2026-11-21T10:00:00.000000000Z stdout F one\n',
      '2026-11-21T10:00:00.000000001Z stderr P two\n',
    ]);
    expect(() => container.write('a\nb')).toThrow('newline');
    expect(() => container.write('a', { time: 'soon' })).toThrow('no time');
  });

  test('an instance’s lines can be collected as they come, also those that are rotated away', () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const first = container.current;
    expect(first.collect().map(({ message }) => message.toString())).toEqual(['one']);
    container.write('two');
    container.rotate();
    container.write('three');
    container.restart();
    container.write('another instance');
    expect(first.collect(1).map(({ message }) => message.toString())).toEqual(['two']);
    expect(first.collect().map(({ message }) => message.toString())).toEqual(['three']);
    expect(first.collect()).toEqual([]);
    expect(container.current.containerId).not.toBe(first.containerId);
  });

  test('lines are uploaded as Fluent Bit does', async () => {
    const store = new MemoryObjectStore();
    const container = api.createPod({ name: 'a', namespace: 'n', containers: [{ name: 'c-d' }] }).container();
    container.write('"one"', { part: 'P', stream: 'stderr' });
    container.write('two');
    const instance = container.current;
    const key = await fluentBitUpload(store, instance, instance.collect(), { index: 7 });
    expect(parseRawKey(key)).toMatchObject({
      key: {
        pod: 'a',
        namespace: 'n',
        container: 'c-d',
        containerId: instance.containerId,
        date: '202611211000',
        index: '7',
      },
    });
    const records = new LineDecoder('raw', isUtf8).decodeBlock(await (await store.get(key)).bytes());
    const text = (record: (typeof records)[number]) => {
      const target = Buffer.alloc(maxMessageLength(record));
      return target.subarray(0, writeMessage(record, target, 0)).toString();
    };
    expect(records.map((record) => [text(record), record.part, record.stderr, record.nanos])).toEqual([
      ['"one"', 'P', true, 0],
      ['two', 'F', false, 1],
    ]);
  });

  test('a container must be named when there are several', async () => {
    api.createPod({ name: 'a', containers: [{ name: 'x' }, { name: 'y' }], initContainers: [{ name: 'i' }] });
    const answer = await get('a/log');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'a container name must be specified for pod a, choose one of: [x y] or one of the init containers: [i]',
      reason: 'BadRequest',
      code: 400,
    });
  });

  test.each([
    [
      'tailLines=-1',
      422,
      'PodLogOptions "a" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    ['limitBytes=0', 422, 'PodLogOptions "a" is invalid: limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 422, 'PodLogOptions "a" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=1&sinceTime=2026-11-21T10:00:00Z', 422, expect.stringContaining('at most one of')],
    ['tailLines=x', 400, expect.stringContaining('invalid syntax')],
    ['sinceTime=x', 400, expect.stringContaining('parsing time')],
  ])('parameters that are wrong: %s', async (query, status, message) => {
    api.createPod({ name: 'a' });
    const answer = await get(`a/log?${query}`);
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ message, code: status })]);
  });

  test('sinceSeconds counts from now', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('old', { time: '2026-11-21T09:59:49.9Z' });
    container.write('new', { time: '2026-11-21T09:59:50Z' });
    expect(await (await get('a/log?sinceSeconds=10')).text()).toBe('new\n');
  });

  test('parts of a line are joined as the kubelet does, with all its oddities', async () => {
    const container = api.createPod({ name: 'a' }).container();
    const at = (second: number) => `2026-11-21T10:00:0${second}Z`;
    container.write('first ', { time: at(0), part: 'P' });
    container.write('part, ', { time: at(1), part: 'P' });
    container.write('error ', { time: at(2), part: 'P', stream: 'stderr' });
    container.write('last', { time: at(3) });
    container.write('', { time: at(4), part: 'P' });
    container.write('after nothing', { time: at(5) });
    const text = async (query: string) => (await get(`a/log?timestamps=true&${query}`)).text();
    const end = '2026-11-21T10:00:04.000000000Z 2026-11-21T10:00:05.000000000Z after nothing\n';
    expect(await text('')).toBe(`2026-11-21T10:00:00.000000000Z first part, error last\n${end}`);
    // What is left of a line whose first part is too old has no time.
    expect(await text(`sinceTime=${at(1)}`)).toBe(`part, error last\n${end}`);
    expect(await text(`sinceTime=${at(3)}`)).toBe(`last\n${end}`);
    expect(await text('tailLines=4')).toBe(`2026-11-21T10:00:02.000000000Z error last\n${end}`);
  });

  test('those who follow may miss lines at a rotation', async () => {
    const container = api.createPod({ name: 'a' }).container();
    container.write('one');
    const answer = await get('a/log?follow=true');
    const chunks = answer.body!.getReader();
    await chunks.read();
    container.write('not read yet');
    container.rotate({ follow: 'skips' });
    container.write('three');
    expect(Buffer.from((await chunks.read()).value).toString()).toBe('three\n');
    container.terminate();
    expect((await chunks.read()).done).toBe(true);
  });

  test('times are those of the lines, in their zone, with nine digits', async () => {
    const container = api.createPod({ name: 'a' }).container();
    for (const time of ['2026-11-21T10:00:00+02:00', '2026-11-21T10:00:00.1-05:30', '2026-11-21T10:00:00.123456789Z']) {
      container.write('x', { time });
    }
    expect(await (await get('a/log?timestamps=true')).text()).toBe(
      '2026-11-21T10:00:00.000000000+02:00 x\n2026-11-21T10:00:00.100000000-05:30 x\n2026-11-21T10:00:00.123456789Z x\n',
    );
  });

  test('nothing is answered before there is something to say', async () => {
    const container = api.createPod({ name: 'a' }).container();
    let answered = false;
    const answer = get('a/log?follow=true').finally(() => (answered = true));
    await eventually('asked', () => api.openFollows === 1);
    await get('a');
    expect(answered).toBe(false);
    container.write('one');
    expect((await answer).status).toBe(200);
    container.terminate();
    expect(await (await answer).text()).toBe('one\n');
  });

  test('held requests go on when they are released, and rules count', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    const held = api.fault({ match: ({ kind }) => kind === 'log', skip: 1, fault: { hold: true } });
    expect(await (await get('a/log')).text()).toBe('one\n');
    expect(held.struck).toBe(0);
    const second = get('a/log');
    await eventually('held', () => held.struck === 1);
    held.release();
    expect(await (await second).text()).toBe('one\n');
    const always = api.fault({ times: Infinity, fault: { status: 429, retryAfter: 3 } });
    const busy = await get('a');
    expect([busy.status, busy.headers.get('retry-after'), await busy.json()]).toEqual([
      429,
      '3',
      expect.objectContaining({ reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } }),
    ]);
    always.remove();
    expect((await get('a')).status).toBe(200);
  });

  test('an error of the kubelet may stand at the end of a log', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    api.fault({ fault: { append: 'failed to create fsnotify watcher: too many open files' } });
    expect(await (await get('a/log')).text()).toBe('one\nfailed to create fsnotify watcher: too many open files');
  });

  test('a client that leaves is not followed any more', async () => {
    api.createPod({ name: 'a' }).container().write('one');
    const leave = new AbortController();
    const answer = await get('a/log?follow=true', leave.signal);
    expect([answer.status, api.openFollows, api.openLogs]).toEqual([200, 1, 1]);
    leave.abort();
    await eventually('left', () => api.openLogs === 0);
  });

  test('down: nobody gets in, until it is up again', async () => {
    api.createPod({ name: 'a' });
    api.down = true;
    await expect(get('a')).rejects.toThrow();
    api.down = false;
    expect((await get('a')).status).toBe(200);
  });

  test('stopping takes the kubeconfig away', async () => {
    const other = await startKubeApi();
    const file = await other.kubeconfig();
    await other.stop();
    await expect(import('node:fs/promises').then(({ stat }) => stat(file))).rejects.toThrow('ENOENT');
  });
});
