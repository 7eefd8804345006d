import {
  type ContainerDouble,
  eventually,
  fluentBitUpload,
  type KubeApiDouble,
  putRaw,
  startKubeApi,
  startTestSystem,
  storedPod,
  type TestSystem,
} from '@cordwood/testkit';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { errorOf, logPath, putMerged, type Reader, startReader } from './harness.ts';

/** DELETE of logs, with the workers that merge and clean. */

let system: TestSystem;
let reader: Reader;
beforeEach(async () => {
  system = await startTestSystem();
  reader = await startReader(system);
});
afterEach(() => system.close());

interface Deleted {
  readonly job: string;
  readonly namespace: string;
  readonly deleted: readonly {
    readonly container: string;
    readonly merged_files: number;
    readonly raw_files: number;
  }[];
}

const remove = (job: string, parameters: Readonly<Record<string, string>> = {}) =>
  reader.get(logPath(job, parameters), { method: 'DELETE' });
const removed = async (job: string, parameters: Readonly<Record<string, string>> = {}): Promise<Deleted> => {
  const response = await remove(job, parameters);
  expect(response.status).toBe(200);
  return (await response.json()) as Deleted;
};
/** As `putRaw` counts minutes: one that is still to come. */
const inTenMinutes = (): number => Math.ceil((Date.now() - Date.UTC(2026, 10, 20, 10)) / 60_000) + 10;

test('the log is gone at once, its objects soon, and repeating it does no harm', async () => {
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['merged'] });
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  await compactor.line('pod compacted', (line) => line['pod'] === 'p' && line['result'] === 'merged');
  // It says so before it has written down that the pod is to rest.
  compactor.kill('SIGTERM');
  await compactor.ended;
  await putRaw(system.store, { pod: 'p', index: 1, messages: ['raw'] });
  await putRaw(system.store, { pod: 'p', index: 2, namespace: 'other', messages: ['of another'] });
  expect(await reader.text(logPath('p', { namespace: 'jobs' }))).toBe('merged\nraw\n');

  const answer = await removed('p', { namespace: 'jobs' });
  expect(answer).toMatchObject({
    job: 'p',
    namespace: 'jobs',
    deleted: [{ container: 'p', merged_files: 1, raw_files: 1 }],
  });
  for (const path of [logPath('p', { namespace: 'jobs' }), logPath('p', { namespace: 'jobs', container: '*' })]) {
    expect(await errorOf(await reader.get(path))).toMatchObject({ status: 404, code: 'log_deleted' });
  }
  expect(await reader.text(logPath('p', { namespace: 'other' }))).toBe('of another\n');
  expect(await removed('p', { namespace: 'jobs' })).toMatchObject({ deleted: [{ merged_files: 0, raw_files: 0 }] });

  // Nobody told it: it finds what there is to do by itself, within SWEEP_INTERVAL.
  await system.start('cleanup-worker', { SWEEP_INTERVAL: '1s', TOMBSTONE_AGE: '1h' });
  await eventually('no object of it is left', async () => {
    const keys = await system.keys('');
    return !keys.some((key) => key.startsWith('data/p/') || key.includes('p_jobs_'));
  });
  expect(await errorOf(await reader.get(logPath('p', { namespace: 'jobs' })))).toMatchObject({ code: 'log_deleted' });
  expect(await reader.text(logPath('p', { namespace: 'other' }))).toBe('of another\n');
});

test('a job that goes on: what is newer is kept, and said to be not all', async () => {
  await putMerged(system, { pod: 'running', files: [['old']] });
  const later = inTenMinutes();
  await putRaw(system.store, { pod: 'running', index: 0, messages: ['old, too'] });
  await removed('running');
  // Fluent Bit brings the last minute before the deletion, and the first after it.
  await putRaw(system.store, { pod: 'running', index: 5, messages: ['late'] });
  await putRaw(system.store, { pod: 'running', index: later, messages: ['new'] });
  const check = async () => {
    const response = await reader.get(logPath('running'));
    expect(await response.text()).toBe('new\n');
    expect(Date.parse(response.headers.get('x-log-deleted-until') ?? '')).toBeGreaterThan(Date.now() - 600_000);
  };
  await check();
  await system.start('compactor-worker');
  await eventually('it is merged', async () => (await storedPod(system, 'running'))?.messages.includes('new'));
  await check();
});

describe('a job that runs in Kubernetes', () => {
  let kube: KubeApiDouble;
  beforeEach(async () => {
    kube = await startKubeApi();
    reader = await startReader(system, { KUBERNETES: 'kubeconfig', KUBECONFIG: await kube.kubeconfig() });
  });
  afterEach(() => kube.stop());
  const ago = (seconds: number) => ({ time: new Date(Date.now() - seconds * 1000).toISOString() });
  const collect = (container: ContainerDouble, index: number) =>
    fluentBitUpload(system.store, container.current, container.current.collect(), { index });
  const now = (job: string) => logPath(job, { follow: 'false' });
  /** Without what says where the live part begins. */
  const messages = async (path: string) =>
    (await reader.text(path)).split('\n').filter((line) => /^(old|new)/.test(line));

  test('what the kubelet still has of before does not show; what it logs on does, and is not lost when it is collected', async () => {
    const container = kube.createPod({ name: 'live' }).container();
    container.write('old, collected', ago(90));
    await collect(container, 1);
    container.write('old, live', ago(30));
    expect(await messages(now('live'))).toEqual(['old, collected', 'old, live']);
    await removed('live');
    const gone = await reader.get(now('live'));
    expect(await gone.text()).not.toContain('old');
    container.write('new');
    expect(await messages(now('live'))).toEqual(['new']);
    expect(await (await reader.get('/kube/api/v1/namespaces/jobs/pods/live/log')).text()).toBe('new\n');
    await collect(container, 2);
    expect(await messages(now('live'))).toEqual(['new']);
  });

  test('nothing of it is collected yet', async () => {
    const container = kube.createPod({ name: 'young' }).container();
    container.write('old', ago(20));
    expect(await removed('young')).toMatchObject({
      namespace: 'jobs',
      deleted: [{ container: 'young', raw_files: 0 }],
    });
    await collect(container, 1);
    container.write('new');
    expect(await messages(now('young'))).toEqual(['new']);
  });

  test('Kubernetes is away: nothing is deleted by half', async () => {
    const container = kube.createPod({ name: 'unknown' }).container();
    container.write('old', ago(20));
    await collect(container, 1);
    kube.down = true;
    const response = await remove('unknown');
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'kubernetes_unavailable' });
    kube.down = false;
    expect(await messages(now('unknown'))).toEqual(['old']);
  });
});

test('while it is merged, cleaned and read: nothing of before comes back', async () => {
  await system.start('compactor-worker');
  await system.start('compactor-worker');
  await system.start('cleanup-worker', { SWEEP_INTERVAL: '1s' });
  for (let round = 0; round < 3; round++) {
    const pod = `busy-${round}`;
    for (let index = 0; index < 20; index++) {
      await putRaw(system.store, { pod, index, messages: [`${index} a`, `${index} b`] });
      // Each round is deleted at another state of its merging.
      if (index === round * 6) await eventually('merged', async () => (await storedPod(system, pod)) !== undefined);
    }
    const reading = Array.from({ length: 5 }, async () => (await reader.get(logPath(pod))).text());
    const answers = await Promise.all([remove(pod), remove(pod)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await errorOf(await reader.get(logPath(pod)))).toMatchObject({ code: 'log_deleted' });
    await Promise.all(reading);
    await eventually('no object of it is left', async () => {
      // At any time, whatever the workers do.
      expect(await errorOf(await reader.get(logPath(pod)))).toMatchObject({ code: 'log_deleted' });
      return !(await system.keys('')).some((key) => key.startsWith(`data/${pod}/`) || key.includes(`${pod}_`));
    });
  }
});

describe('which log', () => {
  test('has to be said where there are several', async () => {
    for (const namespace of ['a', 'b'])
      await putRaw(system.store, { pod: 'p', namespace, index: 0, messages: [namespace] });
    const ambiguous = await errorOf(await remove('p'));
    expect(ambiguous).toMatchObject({ status: 400, code: 'ambiguous_namespace' });
    expect(await removed('p', { namespace: 'a' })).toMatchObject({ namespace: 'a' });
    expect(await reader.text(logPath('p', { namespace: 'b' }))).toBe('b\n');
    // The one that was deleted is not forgotten.
    expect(await errorOf(await remove('p'))).toMatchObject({ code: 'ambiguous_namespace' });
  });

  test('one container', async () => {
    for (const container of ['main', 'sidecar']) {
      await putRaw(system.store, { pod: 'p', container, index: 0, messages: [container] });
    }
    expect(await removed('p', { container: 'sidecar' })).toMatchObject({ deleted: [{ container: 'sidecar' }] });
    expect(await reader.text(logPath('p', { container: '*' }))).toBe('main\n');
    expect(await errorOf(await remove('p', { container: 'never' }))).toMatchObject({ code: 'container_not_found' });
    expect((await removed('p')).deleted.map(({ container }) => container).toSorted()).toEqual(['main', 'sidecar']);
    expect((await remove('p', { container: 'sidecar' })).status).toBe(200);
  });

  test('what is not there', async () => {
    await putMerged(system, { pod: 'p', files: [['x']] });
    expect(await errorOf(await remove('none'))).toMatchObject({ status: 404, code: 'job_not_found' });
    expect(await errorOf(await remove('p', { namespace: 'b' }))).toMatchObject({ code: 'namespace_not_found' });
    expect(await errorOf(await remove('p', { since: '1h' }))).toMatchObject({ code: 'unknown_parameter' });
    expect(await reader.text(logPath('p'))).toBe('x\n');
  });
});

test('a store that does not honour conditional writes: refused, and nothing is changed', async () => {
  const unsafe = await startTestSystem({ conditions: 'ignored' });
  try {
    const itsReader = await startReader(unsafe);
    await putMerged(unsafe, { pod: 'p', files: [['x']] });
    const before = await unsafe.keys('');
    const response = await itsReader.get(logPath('p'), { method: 'DELETE' });
    expect(await errorOf(response)).toMatchObject({ status: 501, code: 'deletion_unsupported' });
    expect(await itsReader.text(logPath('p'))).toBe('x\n');
    expect(await unsafe.keys('')).toEqual(before);
  } finally {
    await unsafe.close();
  }
});

test('files whose namespace nothing tells: refused until it is said', async () => {
  await putMerged(system, { pod: 'p', files: [['x']] });
  const key = 'metadata/p.json';
  const metadata = JSON.parse(Buffer.from(await (await system.store.get(key)).bytes()).toString()) as {
    log_files: Record<string, unknown>[];
  };
  for (const file of metadata.log_files) delete file['namespace'];
  await system.store.put(key, Buffer.from(JSON.stringify(metadata)));
  expect(await errorOf(await remove('p'))).toMatchObject({ status: 501, code: 'deletion_unsupported' });
  const told = await startReader(system, { LEGACY_NAMESPACE: 'jobs' });
  expect((await told.get(logPath('p'), { method: 'DELETE' })).status).toBe(200);
  expect((await told.get(logPath('p'))).status).toBe(404);
});
