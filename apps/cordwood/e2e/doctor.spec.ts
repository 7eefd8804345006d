import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Cleaner, type CompactionOptions, Compactor, DEFAULT_LIMITS } from '@cordwood/compaction';
import { createS3ObjectStore, LogReader, MetadataStore, type S3ObjectStore } from '@cordwood/log-store';
import { type EmbeddedS3, putRaw, startEmbeddedS3 } from '@cordwood/testkit';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

let s3: EmbeddedS3;
let store: S3ObjectStore;
let options: CompactionOptions;
beforeEach(async () => {
  s3 = await startEmbeddedS3();
  store = createS3ObjectStore({
    bucket: 'logs',
    endpoint: s3.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: s3.env.AWS_ACCESS_KEY_ID, secretAccessKey: s3.env.AWS_SECRET_ACCESS_KEY },
  });
  await store.probe();
  options = {
    store,
    metadata: new MetadataStore(store),
    reorderWindow: 10_000,
    mergedFileSize: 10 * 1024 * 1024,
    maxRecord: 64 * 1024,
    legacyNamespace: undefined,
    cleanupDelay: 0,
    orphanAge: 60_000,
    limits: DEFAULT_LIMITS,
    onDamage: () => undefined,
    onStray: () => undefined,
  };
});
afterEach(async () => {
  store.close();
  await s3.stop();
});

interface Line {
  readonly kind?: string;
  readonly key?: string;
  readonly pod?: string;
  readonly severity?: string;
  readonly repaired?: string;
  readonly afterRepair?: boolean;
  readonly summary?: Readonly<Record<string, number>>;
}

/** Starts `cordwood …` as an operator does. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const main = join(import.meta.dirname, '../src/main.ts');
  return spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      MAX_RECORD: '64KiB',
      MAX_MESSAGE: '1KiB',
      ...s3.env,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function cordwood(...how: Parameters<typeof start>) {
  const child = start(...how);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code: code as number };
}

async function doctor(...args: string[]): Promise<{ lines: Line[]; code: number; summary: Line['summary'] }> {
  const { out, err, code } = await cordwood(['doctor', '--json', ...args]);
  expect(err).toBe('');
  const lines = out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
  return { lines: lines.slice(0, -1), code, summary: lines.at(-1)?.summary };
}

const found = (lines: readonly Line[], severity = 'problem') =>
  lines.filter((line) => line.severity === severity).map(({ kind, key }) => [kind, key]);

async function textOf(pod: string): Promise<string> {
  const reader = new LogReader({ ...options, maxMessage: 1024 * 1024 });
  const parts: Uint8Array[] = [];
  for await (const part of reader.text((await reader.open(pod)).instances)) parts.push(part);
  return Buffer.concat(parts).toString();
}

const merge = async (pod: string): Promise<void> => {
  await new Compactor(options).compact(pod);
};
const clean = async (pod: string): Promise<void> => {
  await new Cleaner(options).clean(pod);
};

describe('a bad bucket among healthy pods', () => {
  const HEALTHY = Array.from({ length: 10 }, (_, n) => `healthy-${n.toString()}`);

  test('each bad thing is named, what can be repaired is, and the log is the same as before', async () => {
    for (const pod of HEALTHY) {
      await putRaw(store, { pod, index: 0, messages: ['one', 'two'] });
      await merge(pod);
      await clean(pod);
      await putRaw(store, { pod, index: 1, messages: ['three'] });
    }
    const broken: string[] = [];
    for (const [pod, body] of [
      ['corrupt', '{"version":2,"log_fi'],
      ['garbled', '{"version":2,"log_files":7}'],
      ['lost', undefined],
    ] as const) {
      for (const index of [0, 1]) {
        await putRaw(store, { pod, index, messages: [`line ${index.toString()}`] });
        await merge(pod);
      }
      await clean(pod);
      broken.push(await textOf(pod));
      if (body === undefined) await store.deleteMany([{ key: 'metadata/lost.json' }]);
      else await store.put(`metadata/${pod}.json`, Buffer.from(body));
    }
    await store.put('metadata/newer.json', Buffer.from('{"version":3}'));
    const truncated = await putRaw(store, { pod: 'truncated', index: 0, messages: ['x'] });
    await store.put(truncated, gzipSync('{"log":"a"}\n'.repeat(1000)).subarray(0, -20));
    const long = await putRaw(store, { pod: 'long', index: 0, messages: ['x'.repeat(100_000)] });
    const strays = [
      'data/not_a_pod/x',
      'kube.var.log.containers.%2e%2e/etc/passwd',
      'kube.var.log.containers.healthy-0_jobs_\u001b[31m-x.log/202611201000_1.gz',
      'metadata/../up.json',
    ];
    for (const key of strays) await store.put(key, Buffer.from('x'));

    const { lines, code, summary } = await doctor('--deep');
    expect(code).toBe(1);
    expect(found(lines).toSorted()).toEqual(
      [
        ['metadata lost', 'metadata/lost.json'],
        ['metadata of a newer version', 'metadata/newer.json'],
        ['metadata unreadable', 'metadata/corrupt.json'],
        ['metadata unreadable', 'metadata/garbled.json'],
        ['raw file damaged', truncated],
        ['raw file damaged', long],
        ['unknown object', 'data/not_a_pod/x'],
        ['unknown object', 'kube.var.log.containers.%2e%2e/etc/passwd'],
        ['stray object', strays[2]],
        ['unknown object', 'metadata/../up.json'],
      ].toSorted(),
    );
    expect(summary).toMatchObject({ pods: HEALTHY.length + 6, problems: 10, repairs: 0 });
    // Nothing was changed.
    await expect(textOf('corrupt')).rejects.toThrow('not JSON');

    const repaired = await doctor('--repair');
    expect(repaired.code).toBe(1);
    expect(found(repaired.lines.filter(({ afterRepair }) => afterRepair === true))).toEqual([]);
    expect([await textOf('corrupt'), await textOf('garbled'), await textOf('lost')]).toEqual(broken);
    const kept: string[] = [];
    for await (const page of store.list({ prefix: 'damaged-metadata/' })) {
      for (const { key } of page.objects) kept.push(Buffer.from(await (await store.get(key)).bytes()).toString());
    }
    expect(kept).toEqual(['{"version":2,"log_fi', '{"version":2,"log_files":7}']);
    expect(Buffer.from(await (await store.get('metadata/newer.json')).bytes()).toString()).toBe('{"version":3}');

    // What is left is for somebody to decide.
    await store.deleteMany([...strays, 'metadata/newer.json'].map((key) => ({ key })));
    await merge('truncated');
    await merge('long');
    const after = await doctor('--deep');
    expect(found(after.lines)).toEqual([]);
    expect(after.code).toBe(0);
    expect(found(after.lines, 'information')).toEqual(
      expect.arrayContaining([
        ['set aside', truncated],
        ['set aside', long],
      ]),
    );
  });

  test('in words, a key cannot do anything to the terminal', async () => {
    await store.put('metadata/\u001b[2J\u202e.json', Buffer.from('x'));
    const { out, code } = await cordwood(['doctor']);
    expect(out).toBe(
      'problem      metadata/\\u{1b}[2J\\u{202e}.json (unknown object): belongs to no pod: it is in no log. Move or delete it\n' +
        '0 pods, 1 problems, 0 remarks\n',
    );
    expect(code).toBe(1);
  });
});

test('merged files that are gone: what is lost is said, and entries go only when that is wanted', async () => {
  await putRaw(store, { pod: 'p', index: 0, messages: ['one'] });
  await merge('p');
  await clean('p');
  const [file] = (await options.metadata.read('p')).metadata.log_files;
  await store.deleteMany([{ key: file?.key ?? '' }]);
  await putRaw(store, { pod: 'p', index: 1, messages: ['two'] });
  const missing = { kind: 'file missing', key: file?.key, records: 1, first: file?.first_record_time };
  expect((await doctor('p')).lines).toEqual([expect.objectContaining(missing)]);
  const kept = await doctor('p', '--repair');
  expect([kept.code, kept.summary?.['repairs']]).toEqual([1, 0]);
  const dropped = await doctor('p', '--repair', '--drop-missing');
  expect([dropped.code, dropped.summary?.['repairs'], dropped.summary?.['problems']]).toEqual([0, 1, 0]);
  expect(await textOf('p')).toBe('two\n');
});

test('with --deep a merged file that does not hold what it should is named', async () => {
  await putRaw(store, { pod: 'p', index: 0, messages: ['one', 'two'] });
  await merge('p');
  const version = await options.metadata.read('p');
  const [file] = version.metadata.log_files;
  const body = gzipSync('{"time":"2020-01-01T00:00:00Z","log":"x"}\n');
  const { etag } = await store.put(file?.key ?? '', body);
  expect(found((await doctor('p')).lines)).toEqual([['file changed', file?.key]]);
  const entry = { ...file!, etag, stored_size: body.length };
  await options.metadata.commit('p', version, { ...version.metadata, commit_id: 'x', log_files: [entry] });
  expect(found((await doctor('p')).lines)).toEqual([]);
  const { lines } = await doctor('p', '--deep');
  expect(lines).toMatchObject([{ kind: 'file damaged', reason: '1 records, where the metadata says 2' }]);
  const kept = await doctor('p', '--deep', '--repair');
  expect([kept.code, kept.summary?.['repairs']]).toEqual([1, 0]);
  const accepted = await doctor('p', '--deep', '--repair', '--accept-damage');
  expect([accepted.code, accepted.summary?.['repairs'], accepted.summary?.['problems']]).toEqual([0, 1, 0]);
  expect(await textOf('p')).toBe('x\n');
});

describe('use', () => {
  test.each([
    [['doctor', '--no-such'], /Unknown option '--no-such'/],
    [['doctor', 'Not_A_Pod'], /no pod can have this name: Not_A_Pod/],
    [['doctor', '--drop-missing'], /go with --repair/],
    [['doctor', '--accept-damage'], /go with --repair/],
    [['docto'], /there is no command "docto"/],
    [[], /cordwood doctor/],
  ])('%j is refused', async (args, message) => {
    const { code, err, out } = await cordwood(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  test('help, and a pod that is not there', async () => {
    expect(await cordwood(['doctor', '--help'])).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('--drop-missing'),
    });
    await putRaw(store, { pod: 'p', index: 0, messages: ['one'] });
    const { code, out, err } = await cordwood(['doctor', '--json', 'p', 'nobody']);
    expect([code, out]).toEqual([2, expect.stringContaining('"kind":"nothing there"')]);
    expect(err).toContain('there is nothing in the bucket of: nobody');
  });

  test('nobody reads what it prints any more: ends quietly, as SIGPIPE would have it', async () => {
    const child = start(['--help']);
    child.stdout.destroy();
    const [[code], told] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
    expect([code, told]).toEqual([141, '']);
  });

  test('bad configuration, a bucket that is not there, a store that is away', async () => {
    const wrong = await cordwood(['doctor'], { ORPHAN_AGE: 'soon', CLEANUP_DELAY: '-1' });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/CLEANUP_DELAY[^]*ORPHAN_AGE/)]);
    const none = await cordwood(['doctor'], { LOGS_BUCKET: 'no-such-bucket' });
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('no-such-bucket')]);
    const away = await cordwood(['doctor'], { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' });
    expect([away.code, away.err]).toEqual([2, expect.stringContaining('logs')]);
  });
});
