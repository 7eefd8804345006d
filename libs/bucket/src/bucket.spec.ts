import { type CommitGuard, StoreUnavailableError } from '@cordwood/log-store';
import { applyFence, emptyPodMetadata, MetadataError } from '@cordwood/pod-metadata';
import { type AppContext, createHealth, createMetrics, type Logger, type StorageConfig } from '@cordwood/service';
import { type EmbeddedS3Options, startEmbeddedS3 } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { createFindings } from './findings.ts';
import { openBucket } from './open-bucket.ts';
import { createPodWork } from './pod-work.ts';

type Line = Readonly<Record<string, unknown>>;

function recorder() {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields: Line = {}) =>
      void lines.push({ level, message, ...fields });
  const log: Logger = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), child: () => log };
  const metrics = createMetrics({ app: 'test', version: '0', defaults: false });
  return { lines, log, metrics, text: async () => (await metrics.text()).body };
}

test('findings are told once each, as far as the memory reaches', async () => {
  const { lines, log, metrics, text } = recorder();
  const findings = createFindings({ logger: log, metrics, remembered: 2 });
  const stray = (key: string, etag: string) =>
    findings.onStray({ key, etag, size: 0, lastModified: 0, problem: 'empty object' });
  stray('a', '1');
  stray('a', '1');
  // Written anew, it is another one.
  stray('a', '2');
  findings.onStrayKey('b');
  findings.onStrayKey('b');
  expect(lines.map((line) => line['key'])).toEqual(['a', 'a', 'b']);
  stray('a', '1');
  expect(lines).toHaveLength(4);
  expect(await text()).toContain('cordwood_stray_objects_total{problem="no pod",app="test"} 1');

  findings.onDamage({ key: 'data/p/c/202611201000_1.gz', reason: 'gzip', incomplete: true });
  findings.onDamage({
    key: 'kube.var.log.containers.p_n_c-d.log/202611201000__1.gz',
    reason: 'gzip',
    incomplete: true,
  });
  expect(lines.slice(4).map((line) => line['message'])).toEqual(['merged file is damaged', 'raw file is damaged']);
  expect(await text()).toContain('cordwood_damaged_merged_files_total{app="test"} 1');
});

test('work on a pod: one line with its figures and requests; failures by what they mean', async () => {
  const { lines, log, metrics, text } = recorder();
  const work = createPodWork<{ records: number }>({
    metrics,
    name: 'compaction',
    message: 'pod compacted',
    outcome: () => 'merged',
    fields: (result) => ({ ...result }),
  });
  const job = { pod: 'p', log, signal: new AbortController().signal };
  expect(await work(job, async () => ({ records: 3 }))).toEqual({ records: 3 });
  const away = new StoreUnavailableError('gone', { operation: 'GetObject', bucket: 'logs', key: 'k' });
  await expect(work(job, () => Promise.reject(away))).rejects.toBe(away);
  const broken = new MetadataError('not JSON', 'x');
  await expect(work(job, () => Promise.reject(broken))).rejects.toBe(broken);
  const stopped = AbortSignal.abort(new Error('the process stops'));
  await expect(work({ ...job, signal: stopped }, () => Promise.reject(away))).rejects.toBe(away);
  expect(lines).toEqual([
    expect.objectContaining({ level: 'info', message: 'pod compacted', pod: 'p', result: 'merged', records: 3 }),
    expect.objectContaining({ level: 'warn', result: 'unavailable', error: away }),
    expect.objectContaining({ level: 'error', result: 'metadata', error: broken }),
    expect.objectContaining({ level: 'info', result: 'aborted', reason: 'the process stops' }),
  ]);
  expect(await text()).toContain('cordwood_compactions_total{result="aborted",app="test"} 1');
});

/** What an app's shell gives, as far as a bucket uses it. */
function shell() {
  const { lines, log, metrics, text } = recorder();
  const health = createHealth({ cacheMs: 0 });
  const closing: (() => void | Promise<void>)[] = [];
  const context = {
    config: { LOGS_BUCKET: 'logs', BUCKET_PREFIX: '', S3_FORCE_PATH_STYLE: true },
    logger: log,
    metrics,
    health,
    shutdown: { add: ({ run }: { run: () => void }) => void closing.push(run) },
    retryUntilReady: (_name: string, probe: () => Promise<unknown>) => probe(),
  } as unknown as AppContext<StorageConfig>;
  const close = async () => {
    for (const each of closing) await each();
  };
  return { context, lines, text, health, close };
}

async function withStore(conditions: EmbeddedS3Options['conditions'], work: () => Promise<void>): Promise<void> {
  const s3 = await startEmbeddedS3(conditions && { conditions });
  const before = { ...process.env };
  Object.assign(process.env, s3.env);
  try {
    await work();
  } finally {
    process.env = before;
    await s3.stop();
  }
}

const next = applyFence(emptyPodMetadata(), { commitId: 'next' });

test('a store that ignores conditions is found out, that is said loudly, and commits are guarded', async () => {
  await withStore('ignored', async () => {
    const { context, lines, text, health, close } = shell();
    const asked: string[] = [];
    const commitGuard: CommitGuard = {
      acquire: async (pod) => {
        asked.push(pod);
        return { renew: async () => undefined, remainingMs: () => 10_000, release: async () => undefined };
      },
    };
    const bucket = openBucket(context, { commitGuard });
    expect((await health.readiness()).body.checks['s3']).not.toHaveProperty('details');
    expect(await bucket.selfTest()).toBe(true);
    expect(lines.filter((line) => line['level'] === 'error')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('DOES NOT HONOUR CONDITIONAL WRITES') }),
    ]);
    expect(await text()).toContain('cordwood_conditional_writes{app="test"} 0');
    const { httpStatus, body } = await health.readiness();
    expect(httpStatus).toBe(200);
    expect(body.checks['s3']).toMatchObject({
      ok: true,
      details: {
        conditionalCreate: 'unreliable',
        conditionalReplace: 'unreliable',
        commits: expect.stringContaining('one replica'),
      },
    });
    await bucket.metadata.commit('p', await bucket.metadata.read('p'), next);
    expect(asked).toEqual(['p']);
    await close();
  });
});

test('nothing is committed to such a store by a process that has no guard', async () => {
  await withStore('501', async () => {
    const { context, close } = shell();
    const bucket = openBucket(context);
    await bucket.selfTest();
    const none = await bucket.metadata.read('p');
    await expect(bucket.metadata.commit('p', none, next)).rejects.toThrow('nothing guards commits');
    expect(await bucket.metadata.read('p')).toEqual(none);
    await close();
  });
});

test('a store that honours conditions needs no guard', async () => {
  await withStore(undefined, async () => {
    const { context, lines, text, health, close } = shell();
    const commitGuard: CommitGuard = { acquire: () => Promise.reject(new Error('asked for nothing')) };
    const bucket = openBucket(context, { commitGuard });
    await bucket.selfTest();
    await bucket.metadata.commit('p', await bucket.metadata.read('p'), next);
    expect(lines.map((line) => line['level'])).toEqual(['info']);
    expect(await text()).toContain('cordwood_conditional_writes{app="test"} 1');
    expect((await health.readiness()).body.checks['s3']).toMatchObject({
      ok: true,
      details: { conditionalCreate: 'honoured', commits: 'by conditional writes' },
    });
    await close();
  });
});
