import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, putRaw, startTestSystem, storedPod, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

/** Raw files of the testkit are of 2026-11-20: older than this. */
const OLD = '1h';

/** Merges these pods, and leaves nothing running. */
async function merged(...uploads: readonly { readonly pod: string; readonly namespace: string }[]): Promise<void> {
  for (const upload of uploads) await putRaw(system.store, { ...upload, index: 0, messages: ['one', 'two'] });
  const compactor = await system.start('compactor-worker', { COMPACTION_INTERVAL: '1h' });
  for (const { pod } of uploads) await compactor.line('pod compacted', (line) => line['pod'] === pod);
  compactor.kill('SIGTERM');
  expect(await compactor.ended).toBe(0);
}

const metricOf = async (url: string, name: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name}{`));
  return Number(line?.slice(line.lastIndexOf(' ') + 1));
};

describe('RETENTION', () => {
  test('old logs go, tombstones go after them, and those of other namespaces stay', async () => {
    await merged({ pod: 'old', namespace: 'dev-1' }, { pod: 'kept', namespace: 'prod' });
    const cleaner = await system.start('cleanup-worker', {
      RETENTION: OLD,
      RETENTION_BY_NAMESPACE: 'prod=off',
      TOMBSTONE_AGE: '3s',
      SWEEP_INTERVAL: '1s',
    });
    const cleaned = await cleaner.line('pod cleaned', (line) => line['expiredInstances'] === 1);
    expect(cleaned).toMatchObject({ pod: 'old', expiredFiles: 1 });
    await eventually('nothing is left of the old pod', async () =>
      (await system.keys('')).every((key) => !key.includes('old')),
    );
    expect((await storedPod(system, 'kept'))?.messages).toEqual(['one', 'two']);
    expect(await metricOf(cleaner.opsUrl, 'cordwood_retention_deleted_instances_total')).toBe(1);
    expect(await metricOf(cleaner.opsUrl, 'cordwood_retention_deleted_bytes_total')).toBeGreaterThan(20);
    await eventually(
      'the sweep is over',
      async () => (await metricOf(cleaner.opsUrl, 'cordwood_sweep_last_success_timestamp_seconds')) > 1e9,
    );
  });

  test('off: sweeps delete no log', async () => {
    await merged({ pod: 'old', namespace: 'dev-1' });
    const cleaner = await system.start('cleanup-worker', { SWEEP_INTERVAL: '1s', TOMBSTONE_AGE: '1s' });
    await eventually(
      'three sweeps',
      () => cleaner.lines.filter(({ message }) => message === 'metadata swept').length >= 3,
    );
    expect((await storedPod(system, 'old'))?.messages).toEqual(['one', 'two']);
  });
});

test('all of Redis is lost: a sweep finds the leftovers of a pod that has no raw files any more', async () => {
  await merged({ pod: 'p', namespace: 'ns' });
  const first = await system.start('cleanup-worker', { SWEEP_INTERVAL: '1h' });
  await eventually('the raw file is deleted', async () => (await system.keys('kube.')).length === 0);
  first.kill('SIGKILL');
  await first.ended;
  const orphan = 'data/p/0a/202611201000_99.gz';
  await system.store.put(orphan, Buffer.from('of a merge that lost its race'));
  await system.forgetQueues();
  await system.start('cleanup-worker', { SWEEP_INTERVAL: '1h' });
  await eventually('the orphan is deleted', async () => !(await system.keys('data/')).includes(orphan));
  expect((await storedPod(system, 'p'))?.messages).toEqual(['one', 'two']);
});

describe('--dry-run', () => {
  const start = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    spawn(process.execPath, [join(import.meta.dirname, '../src/main.ts'), ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
    });
  const run = async (...how: Parameters<typeof start>) => {
    const child = start(...how);
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    const lines = output.stdout.split('\n').slice(0, -1);
    return { code, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>), stderr: output.stderr };
  };
  /** Without the way to Redis: none is needed. */
  const envOf = (more: Readonly<Record<string, string>>) => ({
    ...system.env,
    REDIS_URL: 'redis://127.0.0.1:1',
    ...more,
  });

  test('reports what would go, and changes nothing', async () => {
    await merged({ pod: 'a', namespace: 'dev-1' }, { pod: 'b', namespace: 'dev-2' }, { pod: 'c', namespace: 'prod' });
    await system.store.put('metadata/bad.json', Buffer.from('{'));
    const before = await system.keys('');
    const env = envOf({ RETENTION_BY_NAMESPACE: `dev-*=${OLD},*=off` });
    // Raw files that are not merged keep a log; these are.
    const { code, lines, stderr } = await run(['--dry-run'], env);
    expect(code).toBe(0);
    expect(lines).toEqual([
      {
        pod: 'a',
        namespace: 'dev-1',
        container: 'a',
        container_id: expect.stringMatching(/^[0-9a-f]{64}$/),
        last_record: '2026-11-20T10:00:00.001Z',
        files: 1,
        records: 2,
        bytes: expect.any(Number),
        reason: 'last record older than 1h',
      },
      expect.objectContaining({ pod: 'b', namespace: 'dev-2' }),
      { total: { pods: 2, instances: 2, files: 2, records: 4, bytes: expect.any(Number), unreadable: 1 } },
    ]);
    expect(stderr).toContain('nothing of pod bad is ever deleted');
    expect(await system.keys('')).toEqual(before);
  });

  test('without RETENTION nothing would go, and it says so', async () => {
    const { code, lines, stderr } = await run(['--dry-run'], envOf({}));
    expect([code, lines]).toEqual([
      0,
      [{ total: { pods: 0, instances: 0, files: 0, records: 0, bytes: 0, unreadable: 0 } }],
    ]);
    expect(stderr).toContain('RETENTION is off');
  });

  test('nobody reads the report any more: ends quietly, as SIGPIPE would have it', async () => {
    const child = start(['--dry-run'], envOf({ RETENTION: '1h' }));
    child.stdout.destroy();
    const [[code], told] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
    expect([code, told]).toEqual([141, '']);
  });

  test('a wrong environment, a bucket that is not there, an argument that there is not: said, and no exit code 0', async () => {
    const wrong = await run(['--dry-run'], envOf({ RETENTION: 'soon' }));
    expect([wrong.code, wrong.lines]).toEqual([1, []]);
    expect(wrong.stderr).toContain('RETENTION holds "soon": off, or a duration such as 12h or 30d');
    const missing = await run(['--dry-run'], envOf({ LOGS_BUCKET: 'no-such-bucket' }));
    expect([missing.code, missing.lines]).toEqual([1, []]);
    expect(missing.stderr).toContain('no-such-bucket');
    for (const args of [['--dry'], ['--dry-run', 'x']]) {
      const unknown = await run(args, envOf({}));
      expect([unknown.code, unknown.lines]).toEqual([2, []]);
      expect(unknown.stderr).toContain(`unknown argument "${args.at(-1) ?? ''}": only --dry-run is allowed`);
    }
  });
});
