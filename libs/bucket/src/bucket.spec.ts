import { createServer, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { StoreUnavailableError } from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { type AppContext, createHealth, createMetrics, type Logger, type StorageConfig } from '@cordwood/service';
import { startEmbeddedS3 } from '@cordwood/testkit';
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

/** A store that takes conditions and does not care: the headers never reach it. */
async function startCarelessStore() {
  const s3 = await startEmbeddedS3();
  const proxy = createServer((incoming, outgoing) => {
    const { 'if-match': _match, 'if-none-match': _none, ...headers } = incoming.headers;
    const { method, url } = incoming;
    const onward = request(`${s3.endpoint}${url ?? ''}`, { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return {
    env: { ...s3.env, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
    stop: async () => {
      proxy.close();
      proxy.closeAllConnections();
      await s3.stop();
    },
  };
}

test('a store that ignores conditions is found out, and that is said loudly', async () => {
  const { lines, log, metrics, text } = recorder();
  const store = await startCarelessStore();
  const before = { ...process.env };
  Object.assign(process.env, store.env);
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
  try {
    expect(await openBucket(context).selfTest()).toBe(true);
    expect(lines.filter((line) => line['level'] === 'error')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('DOES NOT HONOUR CONDITIONAL WRITES') }),
    ]);
    expect(await text()).toContain('cordwood_conditional_writes{app="test"} 0');
    const { httpStatus, body } = await health.readiness();
    expect(httpStatus).toBe(200);
    expect(Object.keys(body.checks).join()).toContain('NOT honoured');
  } finally {
    for (const close of closing) await close();
    process.env = before;
    await store.stop();
  }
});
