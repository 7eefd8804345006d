import { once } from 'node:events';
import { eventually, fluentBitUpload, type KubeApiDouble, type PodDouble, startKubeApi } from '@cordwood/testkit';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { errorOf, logPath, type Reader, startSystemAndReader } from './harness.ts';
import { parseEvents, parseNdjson } from './three-states.ts';

/** The log of pods that Kubernetes still has, through every format. */

let kube: KubeApiDouble;
let reader: Reader;
beforeAll(async () => {
  kube = await startKubeApi();
  reader = await startSystemAndReader({ KUBERNETES: 'kubeconfig', KUBECONFIG: await kube.kubeconfig() });
});
afterAll(async () => {
  await reader.system.close();
  await kube.stop();
});

let uploads = 0;
async function collect(pod: PodDouble): Promise<void> {
  for (const { instances } of pod.containers) {
    for (const instance of instances) {
      const lines = instance.collect();
      if (lines.length > 0) await fluentBitUpload(reader.system.store, instance, lines, { index: uploads++ });
    }
  }
}

/** So old that it comes from the archive: of what is younger Kubernetes is asked. */
const old = () => new Date(Date.now() - 3_600_000).toISOString().replace('Z', '000000Z');

/** Reads as it comes. */
async function reading(path: string, init?: RequestInit) {
  const response = await reader.get(path, init);
  let text = '';
  const ended = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    return text;
  })();
  ended.catch(() => undefined);
  return { response, text: () => text, ended };
}

test('text: archive, the separator, the live log over a restart, to the end of the pod', async () => {
  const pod = kube.createPod({ name: 'running' });
  const container = pod.container();
  container.write('archived', { time: old() });
  await collect(pod);
  container.write('live');
  const { response, text, ended } = await reading(logPath('running', { separator: '=== Live' }));
  expect(response.headers.get('x-separator')).toBe('=== Live');
  await eventually('what there is', () => text().includes('live\n'));
  container.terminate(1);
  container.start();
  container.write('again');
  await eventually('the next run', () => text().includes('again\n'));
  container.terminate(0);
  expect(await ended).toBe('archived\n=== Live\nlive\nagain\n');
});

test('a pod that has not begun is found, and waited for', async () => {
  const pod = kube.createPod({ name: 'pending', containers: [{ name: 'pending', waiting: 'ContainerCreating' }] });
  const { response, text, ended } = await reading(logPath('pending'));
  expect([response.status, response.headers.get('x-container')]).toEqual([200, 'pending']);
  pod.container().start();
  pod.container().write('at last');
  await eventually('its first line', () => text().endsWith('at last\n'));
  pod.container().terminate(0);
  expect((await ended).split('\n')[0]).toBe(response.headers.get('x-separator'));
});

test('NDJSON, pages and HEAD do not follow; live lines tell no stream; a pod that lives may grow', async () => {
  const pod = kube.createPod({ name: 'alive' });
  pod.container().write('archived', { stream: 'stderr', time: old() });
  await collect(pod);
  pod.container().write('live');
  const lines = parseNdjson(await reader.text(logPath('alive', { format: 'ndjson' })));
  expect(lines.map(({ log, stream, namespace }) => [log, stream, namespace])).toEqual([
    ['archived', 'stderr', 'jobs'],
    ['live', undefined, 'jobs'],
  ]);
  const page = await reader.get(logPath('alive', { limit: '10' }));
  await page.text();
  const cursor = page.headers.get('x-next-cursor') ?? '';
  expect(page.headers.get('x-has-more')).toBe('false');
  pod.container().write('later');
  expect(parseNdjson(await reader.text(logPath('alive', { cursor, format: 'ndjson' })))).toMatchObject([
    { log: 'later' },
    { has_more: false, next_cursor: expect.any(String) },
  ]);
  expect((await reader.get(logPath('alive'), { method: 'HEAD' })).headers.get('x-container')).toBe('alive');

  // When the pod has ended and all is read, nothing can come any more.
  pod.container().terminate(0);
  const last = await reader.get(logPath('alive', { limit: '10', cursor }));
  expect((await last.text()).split('\n').at(-2)).toBe('later');
  expect([last.headers.get('x-next-cursor'), last.headers.get('x-has-more')]).toEqual([null, 'false']);
});

test('events: live, then what comes; on reconnection what was missed; at the end 204', async () => {
  const pod = kube.createPod({ name: 'events' });
  pod.container().write('one');
  const first = await reading(logPath('events', { format: 'sse' }));
  pod.container().write('two');
  await eventually('two lines', () => first.text().includes('"two"'));
  await first.response.body?.cancel().catch(() => undefined);
  const events = parseEvents(first.text());
  expect(events.map(({ event, data }) => data['log'] ?? event)).toEqual(['live', 'one', 'two']);

  pod.container().write('three');
  const headers = { 'Last-Event-ID': events[1]?.id ?? '' };
  const second = await reading(logPath('events', { format: 'sse', tail: '1', follow: 'true' }), { headers });
  await eventually('what was missed', () => second.text().includes('"three"'));
  pod.container().terminate(0);
  const rest = parseEvents(await second.ended);
  expect(rest.flatMap(({ data }) => data['log'] ?? [])).toEqual(['two', 'three']);
  expect(rest.at(-1)).toMatchObject({ event: 'end', data: { reason: 'complete', next_cursor: null } });
  const lastId = rest.findLast(({ id }) => id !== undefined)?.id ?? '';
  const over = await reader.get(logPath('events', { format: 'sse' }), { headers: { 'Last-Event-ID': lastId } });
  expect(over.status).toBe(204);
});

test('WebSocket: to the end of the pod', async () => {
  const pod = kube.createPod({ name: 'socket' });
  pod.container().write('one');
  const path = logPath('socket', { separator: '--', prefix: 'true' }).replace('/log?', '/log_ws?');
  const socket = new WebSocket(reader.url.replace('http', 'ws') + path);
  let text = '';
  socket.on('message', (data: Buffer) => (text += data.toString()));
  await eventually('what there is', () => text === '--\nsocket one\n');
  pod.container().write('two');
  pod.container().terminate(0);
  const [code] = (await once(socket, 'close')) as [number];
  expect([code, text]).toEqual([1000, '--\nsocket one\nsocket two\n']);
});

test('of one stream only the archive is read', async () => {
  const pod = kube.createPod({ name: 'streams' });
  pod.container().write('out');
  expect(await errorOf(await reader.get(logPath('streams', { stream: 'stdout', follow: 'false' })))).toMatchObject({
    status: 404,
    code: 'log_not_collected',
  });
  await collect(pod);
  expect(await reader.text(logPath('streams', { stream: 'stdout', follow: 'false' }))).toBe('out\n');
});

test('Kubernetes that is away: the archive alone, and /readyz says so', async () => {
  const pod = kube.createPod({ name: 'away' });
  pod.container().write('archived');
  await collect(pod);
  const details = async () => {
    const response = await reader.get('/readyz');
    const { checks } = (await response.json()) as { checks: { kubernetes: { details: { liveLogs: boolean } } } };
    return [response.status, checks.kubernetes.details.liveLogs];
  };
  await eventually('live logs are on', async () => (await details()).join() === '200,true');
  kube.down = true;
  try {
    await eventually('live logs are off', async () => (await details()).join() === '200,false');
    expect(await reader.text(logPath('away'))).toBe('archived\n');
    const response = await reader.get(logPath('unknown'));
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'kubernetes_unavailable' });
  } finally {
    kube.down = false;
  }
  await eventually('live logs are on again', async () => (await details()).join() === '200,true');
  expect(await errorOf(await reader.get(logPath('unknown')))).toMatchObject({ status: 404, code: 'job_not_found' });
});
