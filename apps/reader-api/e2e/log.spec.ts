import { type FluentBitInstance, fluentBitScenario, putRaw, referenceBucket } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorOf, fill, logPath, putMerged, type Reader, startReader, startSystemAndReader } from './harness.ts';

let reader: Reader;
beforeAll(async () => void (reader = await startSystemAndReader()));
afterAll(() => reader.system.close());

describe('what Fluent Bit uploaded', () => {
  const scenario = fluentBitScenario('a_theirs');
  const begin = ({ pod, namespace, container, containerId }: FluentBitInstance) => {
    const directory = `kube.var.log.containers.${pod}_${namespace}_${container}-${containerId}.log/`;
    const first = scenario.uploads.find(({ key }) => key.startsWith(directory));
    return /"time":"([^"]+)"/.exec(first?.body.toString('latin1') ?? '')?.[1] ?? '';
  };
  const written = scenario.instances.filter(({ expected }) => expected.length > 0);
  const containers = Map.groupBy(
    written.toSorted((a, b) => (begin(a) < begin(b) ? -1 : 1)),
    ({ pod, namespace, container }) => `${pod} ${namespace} ${container}`,
  );
  beforeAll(() => fill(reader.system, scenario));

  test('some container was restarted, and some pod has several', () => {
    expect([...containers.values()].some((instances) => instances.length > 1)).toBe(true);
    expect(new Set(written.map(({ pod }) => pod)).size).toBeLessThan(containers.size);
  });

  test.each([...containers])('%s', async (name, instances) => {
    const [pod = '', namespace = '', container = ''] = name.split(' ');
    const text = await reader.bytes(logPath(pod, { namespace, container }));
    expect(text.equals(Buffer.concat(instances.map(({ expected }) => expected)))).toBe(true);
  });
});

describe.each(['03-compacted-fresh', '04-compacted-cleaned', '06-resumed'] as const)('reference bucket %s', (name) => {
  const bucket = referenceBucket(name);
  beforeAll(() => fill(reader.system, bucket));

  test.each(bucket.reads)('$pod, since $since, timestamps $timestamps', async (read) => {
    const { pod, namespace, since, timestamps } = read;
    const parameters = { namespace, timestamps: String(timestamps), ...(since !== undefined && { since }) };
    // The reference adds no newline after an empty message; that aside its text of these buckets is right.
    const text = (await reader.bytes(logPath(pod, parameters))).toString('latin1');
    const asReferencePrints = timestamps ? text.replace(/^(\S+ )\n/gm, '$1') : text.replace(/^\n/gm, '');
    expect(asReferencePrints === read.expected.toString('latin1')).toBe(true);
  });
});

test('two namespaces that the reference mixed up are kept apart', async () => {
  const bucket = referenceBucket('14-two-namespaces');
  const own = await startReader(reader.system, { LEGACY_NAMESPACE: 'default' });
  await fill(reader.system, bucket);
  const pod = bucket.reads[0]?.pod ?? '';
  const plain = (namespace: string) => bucket.reads.find((read) => read.namespace === namespace && !read.timestamps);
  expect((await own.bytes(logPath(pod, { namespace: 'default' }))).equals(plain('default')!.expected)).toBe(true);
  // Both hold the same records here, and the reference printed them twice.
  const both = [
    await own.text(logPath(pod, { namespace: 'default' })),
    await own.text(logPath(pod, { namespace: 'other' })),
  ];
  expect(both.join('')).toBe(plain('other')?.expected.toString());

  expect(await errorOf(await own.get(logPath(pod)))).toMatchObject({
    status: 400,
    code: 'ambiguous_namespace',
    message: expect.stringContaining('default, other'),
  });
  const details = (await (await own.get(`/api/v1/jobs/${pod}`)).json()) as { namespaces: { name: string }[] };
  expect(details.namespaces.map(({ name }) => name)).toEqual(['default', 'other']);
});

test('a merged file that lost its records is reported once, and does no other harm', async () => {
  const bucket = referenceBucket('17-empty-data-file');
  await fill(reader.system, bucket);
  const pod = bucket.reads[0]?.pod ?? '';
  expect(await reader.text(logPath(pod))).toBe('');
  expect(await reader.text(logPath(pod))).toBe('');
  await reader.app.line('merged file is damaged');
  const reports = reader.app.lines.filter((line) => line['message'] === 'merged file is damaged');
  expect(reports).toMatchObject([{ key: expect.stringContaining(`logs/${pod}/`), reason: expect.any(String) }]);
  expect(await reader.metric('cordwood_damaged_merged_files_total')).toBe(1);
});

describe('since', () => {
  const times = ['10:00:00.000000001', '10:00:00.000000002', '10:00:00.5', '10:00:01', '10:00:02.123456789'];
  const lines = times.map((time) => `2026-11-20T${time}Z`);
  beforeAll(async () => {
    const records = lines.map((time) => `${JSON.stringify({ time, stream: 'stdout', logtag: 'F', log: time })}\n`);
    await reader.system.store.put(
      'kube.var.log.containers.exact_jobs_exact-c0ffee.log/202611201000__0.gz',
      Buffer.from(records.join('')),
    );
  });

  test.each([
    ['2026-11-20T10:00:00.000000001Z', 0],
    ['2026-11-20T10:00:00.000000002Z', 1],
    ['2026-11-20T10:00:00.000000003Z', 2],
    ['2026-11-20T10:00:00.500Z', 2],
    ['2026-11-20T12:00:01+02:00', 3],
    ['2026-11-20T10:00:02.123456789Z', 4],
    ['2026-11-20T10:00:02.123456790Z', 5],
    ['2000d', 0],
    ['0s', 5],
  ])('%s', async (since, from) => {
    const expected = lines.slice(from).map((line) => `${line}\n`);
    expect(await reader.text(logPath('exact', { since }))).toBe(expected.join(''));
    expect(await reader.text(logPath('exact', { since, timestamps: '1' }))).toBe(
      expected.map((line) => `${line.trimEnd()} ${line}`).join(''),
    );
  });

  test('a plus that was not encoded', async () => {
    expect(await reader.text('/api/v1/jobs/exact/log?since=2026-11-20T12:00:01+02:00')).toBe(
      lines.slice(3).join('\n') + '\n',
    );
  });
});

describe('containers', () => {
  beforeAll(async () => {
    const { store } = reader.system;
    await putRaw(store, { pod: 'several', index: 0, messages: ['init'], container: 'setup' });
    await putRaw(store, { pod: 'several', index: 1, messages: ['main'], container: 'several' });
    await putRaw(store, { pod: 'sidecars', index: 5, messages: ['late'], container: 'a' });
    await putRaw(store, { pod: 'sidecars', index: 3, messages: ['early'], container: 'b' });
  });

  test('the one named like the pod, else the first of the log, all, or the one asked for', async () => {
    const containerOf = async (path: string) => {
      const response = await reader.get(path);
      return [response.headers.get('x-container'), await response.text()];
    };
    expect(await containerOf(logPath('several'))).toEqual(['several', 'main\n']);
    expect(await containerOf(logPath('several', { container: 'setup' }))).toEqual(['setup', 'init\n']);
    expect(await containerOf(logPath('sidecars'))).toEqual(['b', 'early\n']);
    expect(await containerOf(logPath('sidecars', { container: '*' }))).toEqual(['a,b', 'early\nlate\n']);
    expect(await errorOf(await reader.get(logPath('several', { container: 'none' })))).toMatchObject({
      status: 404,
      code: 'container_not_found',
      message: expect.stringContaining('setup'),
    });
  });
});

test('headers, and what the reference has', async () => {
  await putMerged(reader.system, { pod: 'plain', files: [['one', 'two'], ['three']] });
  const response = await reader.get(logPath('plain', { separator: '=== Live', debug: 'true' }));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'transfer-encoding': 'chunked',
    'cache-control': 'no-store',
    'x-container': 'plain',
    'x-namespace': 'jobs',
    'x-separator': '=== Live',
    'x-service-version': expect.stringMatching(/^cordwood\/\d+\.\d+\.\d+/),
  });
  expect(await response.text()).toBe('=== Live archive jobs/plain c0ffee\none\ntwo\nthree\n');
  const other = await reader.get(logPath('plain'));
  expect(other.headers.get('x-separator')).toMatch(/^=== Live logs ===[0-9a-f]{16}$/);
  await other.text();

  const before = await reader.metric('cordwood_s3_requests_total', { operation: 'GetObject' });
  const head = await reader.get(logPath('plain'), { method: 'HEAD' });
  expect([head.status, head.headers.get('x-container'), await head.text()]).toEqual([200, 'plain', '']);
  // The metadata, and nothing of the log.
  expect(await reader.metric('cordwood_s3_requests_total', { operation: 'GetObject' })).toBe(before + 1);
});

test('JOBS_NAMESPACE is meant where none is named', async () => {
  const own = await startReader(reader.system, { JOBS_NAMESPACE: 'jobs' });
  await putRaw(reader.system.store, { pod: 'double', index: 0, messages: ['mine'] });
  await putRaw(reader.system.store, {
    pod: 'double',
    index: 1,
    messages: ['theirs'],
    namespace: 'other',
    container: 'x',
  });
  await putRaw(reader.system.store, { pod: 'foreign', index: 2, messages: ['theirs'], namespace: 'other' });
  expect(await own.text(logPath('double'))).toBe('mine\n');
  expect(await own.text(logPath('double', { namespace: 'other' }))).toBe('theirs\n');
  expect(await errorOf(await own.get(logPath('foreign')))).toMatchObject({ status: 404, code: 'job_not_found' });
  expect(await reader.text(logPath('foreign'))).toBe('theirs\n');
});
