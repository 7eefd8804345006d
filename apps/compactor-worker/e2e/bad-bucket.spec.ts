import { readFileSync } from 'node:fs';
import { createGzip, gzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { type AppProcess, eventually, putRaw, startTestSystem, storedPod, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

const MiB = 1024 * 1024;
const HEALTHY = 100;
const LONG_LINE = 200 * MiB;

const peakRss = ({ pid }: AppProcess) =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Infinity) / 1024;

/** One record of 200 MB, as gzip: some 200 KB. */
async function longRecord(): Promise<Buffer> {
  function* text() {
    yield '{"time":"2026-11-20T10:00:00.000000000Z","stream":"stdout","log":"';
    for (let written = 0; written < LONG_LINE; written += MiB) yield 'x'.repeat(MiB);
    yield '"}\n{"time":"2026-11-20T10:00:01.000000000Z","stream":"stdout","log":"after"}\n';
  }
  return buffer(Readable.from(text()).pipe(createGzip({ level: 1 })));
}

/** Keys that no Fluent Bit of ours would write. What is left alone, and what is a pod of its own. */
const rawKey = (pod: string, rest = `_jobs_main-${'0a'.repeat(32)}.log/202611201000__0.gz`) =>
  `kube.var.log.containers.${pod}${rest}`;
const HOSTILE = [
  rawKey('../../metadata/healthy-0.json'),
  rawKey('healthy-0/..'),
  rawKey('new\nline'),
  rawKey('nul\u0001'),
  rawKey('ümläut-☃'),
  rawKey('x'.repeat(300)),
  rawKey(''),
  'kube.var.log.containers.nobody',
];
const HOSTILE_FILES = [
  '../202611201000__0.gz',
  '202613991000__0.gz',
  '202611201000__.gz',
  `202611201000__${'9'.repeat(400)}.gz`,
];

test('a bucket with bad objects in it: the healthy pods are merged and readable, and the bad ones are named', async () => {
  const { store } = system;
  for (let pod = 0; pod < HEALTHY; pod++) {
    await putRaw(store, { pod: `healthy-${pod}`, index: pod, messages: [`one of ${pod}`, `two of ${pod}`] });
  }
  const line = (log: string) => `{"time":"2026-11-20T10:00:00.000000000Z","stream":"stdout","log":"${log}"}\n`;
  const zipped = gzipSync(
    Array.from({ length: 2_000 }, (_, index) => line(`line ${index} ${Math.sin(index)}`)).join(''),
  );
  const truncated = rawKey('truncated');
  await store.put(truncated, zipped.subarray(0, zipped.length / 2));
  await putRaw(store, { pod: 'corrupt', index: 0, messages: ['kept'] });
  await store.put('metadata/corrupt.json', Buffer.from('{"version":2,'));
  const long = rawKey('long');
  await store.put(long, await longRecord());
  for (const key of HOSTILE) await store.put(key, Buffer.from(line('hostile')));
  const folder = rawKey('strays', `_jobs_main-${'0a'.repeat(32)}.log/`);
  for (const file of HOSTILE_FILES) await store.put(folder + file, Buffer.from(line('stray')));
  await putRaw(store, { pod: 'strays', index: 0, messages: ['good'] });

  const compactor = await system.start('compactor-worker', {
    COMPACTION_INTERVAL: '1h',
    CLEANUP_DELAY: '1m',
    ORPHAN_AGE: '1h',
  });
  const merged = (pod: string) =>
    compactor.lines.some((each) => each['message'] === 'pod compacted' && each['pod'] === pod);
  const healthy = Array.from({ length: HEALTHY }, (_, pod) => `healthy-${pod}`);
  await eventually('all are merged', () => [...healthy, 'truncated', 'long', 'strays'].every(merged));
  await compactor.line('job failed for good', (each) => each['jobId'] === 'compact-corrupt');
  await compactor.line('bucket scanned', (each) => each['blocked'] === 1);
  for (const pod of healthy) {
    const number = pod.split('-')[1] ?? '';
    expect((await storedPod(system, pod))?.messages).toEqual([`one of ${number}`, `two of ${number}`]);
  }

  // What could be read of the damaged is merged, and they are kept.
  expect((await storedPod(system, 'long'))?.messages).toEqual(['after']);
  const salvaged = (await storedPod(system, 'truncated'))?.messages ?? [];
  expect(salvaged.length).toBeGreaterThan(500);
  expect(salvaged[500]).toMatch(/^line 500 /);
  expect((await system.keys('damaged/')).length).toBe(2);
  expect(peakRss(compactor)).toBeLessThan(450);

  const metrics = await (await fetch(`${compactor.opsUrl}/metrics`)).text();
  const metric = (name: string) => {
    const samples = metrics.split('\n').filter((each) => each.startsWith(name));
    return samples.reduce((sum, each) => sum + Number(each.split(' ').at(-1)), 0);
  };
  expect(metric('cordwood_damaged_raw_files_total{')).toBe(2);
  expect(metric('cordwood_blocked_pods{')).toBe(1);
  expect(metric('cordwood_compactions_total{result="metadata"')).toBe(1);
  const strays = compactor.lines.filter((each) => each['message'] === 'stray object, left alone');
  expect(metric('cordwood_stray_objects_total{')).toBe(strays.length);
  for (const file of HOSTILE_FILES) expect(strays.map((each) => each['key'])).toContain(folder + file);
  // Of keys without a pod only their beginning is listed.
  for (const key of HOSTILE) {
    const named = strays.some((each) => key.startsWith(String(each['key'])));
    expect([key, named]).toEqual([key, true]);
    expect([key, await system.keys(key)]).toEqual([key, [key]]);
  }

  const reader = await system.start('reader-api', { PORT: '0' });
  const { ports } = (await reader.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  const get = (path: string) => fetch(`http://127.0.0.1:${ports.http}/api/v1/jobs/${path}`);
  for (const pod of ['healthy-0', 'healthy-99']) {
    expect(await (await get(`${pod}/log`)).text()).toBe(`one of ${pod.slice(8)}\ntwo of ${pod.slice(8)}\n`);
  }
  const details = async (pod: string) => (await (await get(pod)).json()) as Record<string, unknown>;
  expect(await details('truncated')).toMatchObject({
    damaged: [{ key: truncated, reason: expect.stringContaining('gzip') }],
  });
  expect(await details('long')).toMatchObject({ damaged: [{ key: long, reason: '1 lines longer than MAX_RECORD' }] });
  const { stray } = (await details('strays')) as { stray: { key: string }[] };
  expect(stray.map(({ key }) => key).toSorted()).toEqual(HOSTILE_FILES.map((file) => folder + file).toSorted());
  const corrupt = await get('corrupt/log');
  expect([corrupt.status, await corrupt.json()]).toEqual([
    500,
    { error: { code: 'metadata_unreadable', message: expect.stringContaining('metadata/corrupt.json') } },
  ]);
});
