import { type CordwoodClient, type CordwoodError, createClient, type LogRecord } from '@cordwood/client';
import {
  eventually,
  type Fault,
  fluentBitUpload,
  freePort,
  type InstanceIdentity,
  type KubeApiDouble,
  putRaw,
  startFaultProxy,
  startKubeApi,
  type WrittenLine,
} from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { putMerged, type Reader, startReader, startSystemAndReader } from './harness.ts';

let reader: Reader;
let client: CordwoodClient;
const merged = Array.from({ length: 400 }, (_, index) => `merged ${index}`);
const raw = Array.from({ length: 300 }, (_, index) => `raw ${index}`);
const all = [...merged, ...raw];

beforeAll(async () => {
  reader = await startSystemAndReader();
  client = createClient({ baseUrl: reader.url });
  const { store } = reader.system;
  await putMerged(reader.system, { pod: 'mixed', files: [merged.slice(0, 150), merged.slice(150)] });
  await putRaw(store, { pod: 'mixed', index: 60, messages: raw });
  for (const pod of ['other', 'mixed-2']) await putRaw(store, { pod, index: 61, messages: ['x'] });
});
afterAll(() => reader.system.close());

/** All of them. */
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const logOf = ({ log }: LogRecord): string => log;
const errorOf = (thrown: unknown): string => (thrown as CordwoodError).code;

describe('reading', () => {
  test('jobs and a job', async () => {
    expect((await collect(client.jobs({ limit: 1 }))).map(({ name }) => name)).toEqual(['mixed-2', 'mixed', 'other']);
    expect((await collect(client.jobs({ prefix: 'mixed' }))).map(({ name }) => name)).toEqual(['mixed-2', 'mixed']);
    const job = await client.job('mixed');
    expect(job.namespaces.map(({ name, containers }) => [name, containers.map((each) => each.name)])).toEqual([
      ['jobs', ['mixed']],
    ]);
  });

  test('the whole log, as records and as text', async () => {
    const records = await collect(client.log('mixed'));
    expect(records.map(logOf)).toEqual(all);
    expect(records[0]).toEqual({
      time: '2026-11-20T10:00:00.000000000Z',
      stream: 'stdout',
      namespace: 'jobs',
      container: 'mixed',
      containerId: 'c0ffee',
      log: 'merged 0',
      cursor: expect.any(String),
    });
    for (const timestamps of [false, true]) {
      const text = (await collect(client.logText('mixed', { timestamps }))).join('');
      expect(text).toBe(await reader.text(`/api/v1/jobs/mixed/log?timestamps=${String(timestamps)}`));
    }
  });

  test('from any message on', async () => {
    const records = await collect(client.log('mixed'));
    for (const at of [0, 1, 149, 150, 398, 399, 400, 500, 698, 699]) {
      const rest = await collect(client.log('mixed', { cursor: records[at]?.cursor }));
      expect([at, rest.map(logOf)]).toEqual([at, all.slice(at + 1)]);
    }
  });

  test.each([
    [{ contains: 'raw' }, raw],
    [{ regex: '^merged [0-9]$' }, merged.slice(0, 10)],
    [{ tail: 7 }, all.slice(-7)],
    [{ limit: 7 }, all.slice(0, 7)],
    [{ tail: 7, contains: 'merged' }, merged.slice(-7)],
    [{ until: '2026-11-20T10:00:00.009Z' }, merged.slice(0, 10)],
    [{ since: '2026-11-20T11:00:00Z' }, raw],
    [{ stream: 'stderr' }, []],
    [{ container: '*', namespace: 'jobs', limit: 2 }, all.slice(0, 2)],
  ] as const)('filters: %o', async (query, expected) => {
    expect((await collect(client.log('mixed', query))).map(logOf)).toEqual(expected);
  });

  test.each([1, 7, 333, 1000])('pages of %i', async (limit) => {
    const query = { limit, ...(limit === 1 && { regex: '9$' }) };
    const logs: string[] = [];
    let cursor: string | undefined;
    for (let hasMore = true; hasMore;) {
      const page = await client.logPage('mixed', { ...query, cursor });
      expect(page.records.length).toBeLessThanOrEqual(limit);
      logs.push(...page.records.map(logOf));
      ({ hasMore, nextCursor: cursor } = page);
    }
    expect(logs).toEqual(limit === 1 ? all.filter((log) => log.endsWith('9')) : all);
  });

  test.each([
    ['an unknown job', () => client.job('none'), 'job_not_found'],
    ['of its log', () => client.log('none').next(), 'job_not_found'],
    ['a container that is not there', () => client.log('mixed', { container: 'none' }).next(), 'container_not_found'],
    ['a regex that is none', () => client.log('mixed', { regex: '(' }).next(), 'invalid_parameter'],
    ['a cursor that is none', () => client.logPage('mixed', { cursor: '?' }), 'cursor_invalid'],
    ['what contradicts itself', () => client.logPage('mixed', { tail: 1 }), 'conflicting_parameters'],
  ])('%s', async (_what, call, code) => {
    expect(await call().then(() => 'nothing', errorOf)).toBe(code);
  });

  test('what is dropped is gone', async () => {
    await putRaw(reader.system.store, { pod: 'dropped', index: 70, messages: ['x'] });
    await client.deleteLog('dropped');
    await client.deleteLog('dropped');
    expect(
      await client
        .log('dropped')
        .next()
        .then(() => 'nothing', errorOf),
    ).toMatch(/log_deleted|job_not_found/);
  });
});

/** Cuts answers short: after so many bytes, which are fewer than a page of records and more than one. */
function cutting(seed: number): () => Fault | undefined {
  let state = seed;
  return () => {
    // A linear congruential generator: the same cuts with every run.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // Its low bits repeat soon.
    const drawn = state >>> 8;
    const dice = drawn % 10;
    if (dice === 0) return { refuse: true };
    if (dice === 1) return { status: 503, headers: { 'retry-after': '0' } };
    return { resetAfter: 400 + (drawn % 30_000), ...(dice === 2 && { orderly: true }) };
  };
}

const RETRY = { attempts: Infinity, minDelay: 5, maxDelay: 100 };

test.each([1, 2, 3])('connections that break again and again: each message once (%i)', async (seed) => {
  const proxy = await startFaultProxy(reader.url, { decide: cutting(seed) });
  try {
    const records = await collect(createClient({ baseUrl: proxy.endpoint, retry: RETRY }).log('mixed'));
    expect(records.map(logOf)).toEqual(all);
    expect(proxy.requests.length).toBeGreaterThan(3);
  } finally {
    await proxy.stop();
  }
});

test('whoever is one too many is waited for', async () => {
  const own = await startReader(reader.system, { MAX_STREAMS: '1' });
  const big = Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(100_000)}`);
  await putMerged(reader.system, { pod: 'big', files: [big] });
  const patient = createClient({ baseUrl: own.url, retry: RETRY });
  const first = patient.log('big');
  await first.next();
  const second = collect(patient.log('mixed', { limit: 3 }));
  await eventually(
    'somebody was refused',
    async () => (await own.metric('cordwood_http_errors_total', { code: 'too_many_streams' })) > 0,
  );
  await first.return();
  expect((await second).map(logOf)).toEqual(all.slice(0, 3));
});

describe('following', () => {
  let kube: KubeApiDouble;
  beforeAll(async () => void (kube = await startKubeApi()));
  afterAll(() => kube.stop());

  test('a job through restarts and rotations of its own, of the reader, and cut connections: each message once', async () => {
    const { system } = reader;
    const env = { PORT: String(await freePort()), KUBECONFIG: await kube.kubeconfig(), KUBERNETES: 'kubeconfig' };
    let own = await startReader(system, env);
    const proxy = await startFaultProxy(own.url, { decide: cutting(4) });
    const pod = kube.createPod({ name: 'live-job' });
    const [container] = pod.containers;
    if (container === undefined) throw new Error('a pod without a container');

    const leaving = new AbortController();
    const got: string[] = [];
    const following = (async () => {
      const follower = createClient({ baseUrl: proxy.endpoint, retry: RETRY });
      const records = follower.log('live-job', { follow: true }, { signal: leaving.signal });
      for await (const { log } of records) got.push(log.trimEnd());
    })();
    // Whatever becomes of the test: nobody else waits for it.
    following.catch(() => undefined);

    const written: string[] = [];
    let index = 100;
    /** Fluent Bit is slower than Kubernetes: a part is uploaded when the client has one that was written after it. */
    const notUploaded: { readonly instance: InstanceIdentity; readonly lines: readonly WrittenLine[] }[] = [];
    const uploadAllBut = async (kept: number): Promise<void> => {
      for (const { instance, lines } of notUploaded.splice(0, notUploaded.length - kept)) {
        await fluentBitUpload(system.store, instance, lines, { index: index++ });
      }
    };
    try {
      for (let instance = 0; instance < 3; instance++) {
        for (let part = 0; part < 3; part++) {
          const lines = Array.from({ length: 100 }, (_, index) => {
            const message = `run ${instance}, part ${part}, line ${index}`;
            written.push(message);
            return container.write(message);
          });
          notUploaded.push({ instance: container.current, lines });
          // Whoever comes when a run's first file is rotated away and not yet archived, does not know that there was one.
          if (part < 2) {
            await eventually(
              () => `the client has ${written.length} messages; it has ${got.length}, the last is "${got.at(-1)}"`,
              () => got.length >= written.length,
            );
            await uploadAllBut(1);
          }
          if (part === 0) container.rotate();
          if (part === 1 && instance < 2) {
            own.app.kill('SIGKILL');
            await own.app.ended;
            own = await startReader(system, env);
          }
        }
        if (instance < 2) container.restart();
      }
      container.terminate();
      await uploadAllBut(0);
      await following;
      expect(got).toEqual(written);
      expect(proxy.requests.length).toBeGreaterThan(5);
    } finally {
      leaving.abort();
      await proxy.stop();
    }
  });
});
