import {
  type AppProcess,
  eventually,
  type FaultProxy,
  isClean,
  putRaw,
  startFaultProxy,
  startTestSystem,
  storedPod,
  type TestSystem,
} from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';

let system: TestSystem;
let proxy: FaultProxy;
beforeEach(async () => {
  system = await startTestSystem();
  proxy = await startFaultProxy(system.env['AWS_ENDPOINT_URL_S3'] ?? '');
});
afterEach(async () => {
  await system.close();
  await proxy.stop();
});

const messagesOf = async (pod: string) => (await storedPod(system, pod))?.messages;
const metric = async (app: AppProcess, name: string) => {
  const samples = (await (await fetch(`${app.opsUrl}/metrics`)).text()).split('\n');
  return Number(
    samples
      .find((line) => line.startsWith(`${name}{`))
      ?.split(' ')
      .at(-1),
  );
};

test('a pod that fails for good is left alone, every scan says so once, and a retry from a dashboard merges it', async () => {
  await system.store.put('metadata/poison.json', Buffer.from('{"version":2,'));
  await putRaw(system.store, { pod: 'poison', index: 0, messages: ['kept'] });
  await putRaw(system.store, { pod: 'fine', index: 1, messages: ['one'] });
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  const scans = () => compactor.lines.filter((line) => line['message'] === 'bucket scanned');
  const explained = () => compactor.lines.filter((line) => String(line['message']).startsWith('pod left alone'));

  await compactor.line('pod compacted', (line) => line['pod'] === 'fine');
  const blocked = await compactor.line('bucket scanned', (line) => line['blocked'] === 1);
  expect(blocked).toMatchObject({ pods: 2, due: expect.any(Number), enqueued: expect.any(Number), released: 0 });
  const before = scans().length;
  await eventually('more scans', () => scans().length >= before + 3);
  expect(scans().at(-1)).toMatchObject({ due: 1, enqueued: 0, blocked: 1 });
  expect(explained()).toHaveLength(1);
  const [{ failedAt, triedAgainAt, ...line } = {}] = explained();
  expect(line).toMatchObject({
    level: 'warn',
    pod: 'poison',
    reason: expect.stringContaining('not JSON'),
    failures: 1,
  });
  expect(Date.parse(String(triedAgainAt)) - Date.parse(String(failedAt))).toBe(3_600_000);
  expect(await metric(compactor, 'cordwood_blocked_pods')).toBe(1);
  // One try, not one per scan.
  expect(compactor.lines.filter((each) => each['message'] === 'compaction failed')).toHaveLength(1);
  expect(await messagesOf('fine')).toEqual(['one']);

  await system.store.deleteMany([{ key: 'metadata/poison.json' }]);
  const url = new URL(system.env['REDIS_URL'] ?? '');
  const queue = new Queue('compaction', {
    connection: { host: url.hostname, port: Number(url.port) },
    prefix: system.env['QUEUE_PREFIX'] ?? '',
  });
  try {
    // What the button of a queue dashboard does.
    const [job] = await queue.getFailed();
    expect(job?.failedReason).toContain('pod poison is not compacted');
    await job?.retry();
    await eventually('merged', async () => (await messagesOf('poison')) !== undefined);
    expect(await queue.getFailedCount()).toBe(0);
  } finally {
    await queue.close();
  }
  expect(await messagesOf('poison')).toEqual(['kept']);
  await eventually('nothing is blocked', async () => (await metric(compactor, 'cordwood_blocked_pods')) === 0);
});

test.each([
  ['stores a file', '/data/frozen/'],
  ['commits', '/metadata/frozen.json'],
])(
  'a worker that is frozen while it %s, for longer than ORPHAN_AGE, is replaced, and changes nothing when it wakes up',
  async (_when, path) => {
    const reached = Promise.withResolvers<string>();
    const gate = Promise.withResolvers<string>();
    proxy.add({
      match: ({ method, url }) => method === 'PUT' && url.includes(path),
      fault: {
        before: async () => {
          reached.resolve('now');
          await gate.promise;
        },
      },
    });
    for (const index of [0, 1])
      await putRaw(system.store, { pod: 'frozen', index, messages: [`${index} a`, `${index} b`] });
    const frozen = await system.start('compactor-worker', { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    await reached.promise;
    frozen.kill('SIGSTOP');

    const other = await system.start('compactor-worker');
    await system.start('cleanup-worker');
    // Its lock runs out after half a minute; this is as if that time were over.
    await system.forgetJobLocks();
    await other.line('pod compacted', (line) => Number(line['commits']) > 0);
    // Whatever the frozen one had stored is made use of, or is an orphan, and swept.
    await eventually('clean', () => isClean(system, 'frozen'));
    await putRaw(system.store, { pod: 'frozen', index: 2, messages: ['2 a'] });

    gate.resolve('open');
    frozen.kill('SIGCONT');
    // It finds out by its lock or by its commit, whichever comes first.
    await eventually('it notices', () =>
      frozen.lines.some(
        (line) => line['message'] === 'job lost its lock and gave up' || Number(line['lostCommits'] ?? 0) > 0,
      ),
    );
    await eventually('all merged', async () => (await messagesOf('frozen'))?.length === 5);
    await eventually('clean again', () => isClean(system, 'frozen'));
    expect(await messagesOf('frozen')).toEqual(['0 a', '0 b', '1 a', '1 b', '2 a']);
  },
);

test('a worker that is killed in the middle of a scan and started again on the same port scans on', async () => {
  const reached = Promise.withResolvers<string>();
  proxy.add({
    match: ({ url }) => url.includes('list-type=2') && url.includes('kube.var.log.containers.'),
    fault: {
      before: () => {
        reached.resolve('now');
        return new Promise(() => undefined);
      },
    },
    times: Infinity,
  });
  await putRaw(system.store, { pod: 'p', index: 0, messages: ['one'] });
  const killed = await system.start('compactor-worker', { AWS_ENDPOINT_URL_S3: proxy.endpoint });
  await reached.promise;
  killed.kill('SIGKILL');
  await killed.ended;
  await system.forgetJobLocks();
  const again = await system.start('compactor-worker', { METRICS_PORT: new URL(killed.opsUrl).port });
  await again.line('bucket scanned');
  await eventually('merged', async () => (await messagesOf('p')) !== undefined);
  const scans = () => again.lines.filter((line) => line['message'] === 'bucket scanned').length;
  const before = scans();
  await eventually('more scans', () => scans() > before + 1);
  expect(await messagesOf('p')).toEqual(['one']);
});
