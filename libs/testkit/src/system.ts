import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createS3ObjectStore, type ObjectStore, PrefixedObjectStore } from '@cordwood/log-store';
import { Redis } from 'ioredis';
import { type AppProcess, startApp } from './app-process.ts';
import { type EmbeddedS3, type EmbeddedS3Options, startEmbeddedS3 } from './embedded-s3.ts';
import { freePort } from './free-port.ts';
import { removeTestKeys, testQueuePrefix, testRedisUrl } from './redis.ts';

/** A bucket, queues and processes for a test of the whole; everything in it is asked over HTTP, S3 and Redis only. */
export interface TestSystem {
  /** What the apps get, in their environment. */
  readonly env: Readonly<Record<string, string>>;
  /** A client of the bucket, below `BUCKET_PREFIX`. */
  readonly store: ObjectStore;
  /** Starts an app that ends with the system. */
  start(name: string, env?: Readonly<Record<string, string>>): Promise<AppProcess>;
  /** Ends the embedded S3 (with everything in it kept), and starts it on the same port again. */
  stopS3(): Promise<void>;
  startS3(): Promise<void>;
  /** Deletes all that the apps keep in Redis. */
  forgetQueues(): Promise<void>;
  /** Takes the locks off all jobs: as if every worker had been dead for a while. */
  forgetJobLocks(): Promise<void>;
  /** Jobs in a queue, whatever their state. */
  jobsIn(queue: string): Promise<number>;
  /** Keys below a prefix. */
  keys(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface TestSystemOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the Redis of the test run. */
  readonly redisUrl?: string;
  /** An embedded S3 that treats conditions so, whatever the environment says. */
  readonly conditions?: EmbeddedS3Options['conditions'];
}

/** Intervals so short that everything happens while a test waits. */
const SHORT = { SCAN_INTERVAL: '1s', COMPACTION_INTERVAL: '1s', CLEANUP_DELAY: '1s', ORPHAN_AGE: '2s' };

/** A test is one client of many requests; those that are about limits set them. */
const NO_LIMITS = { RATE_LIMIT: 'off', MAX_STREAMS_PER_CLIENT: '1000' };

/** With `CORDWOOD_TEST_S3=environment` the bucket is that of the `AWS_*` variables, below a prefix that nobody else uses. */
export async function startTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const { conditions } = options;
  const external = process.env['CORDWOOD_TEST_S3'] === 'environment' && conditions === undefined;
  const prefix = testQueuePrefix();
  const redisUrl = options.redisUrl ?? testRedisUrl();
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), 'cordwood-system-'));
  let s3: EmbeddedS3 | undefined;
  const startS3 = async () => {
    if (!external) s3 = await startEmbeddedS3({ port, dataDir, ...(conditions && { conditions }) });
  };
  const stopS3 = async () => {
    const stopping = s3;
    s3 = undefined;
    await stopping?.stop();
  };
  await startS3();

  const s3Env = s3 === undefined ? fromEnvironment() : { ...s3.env };
  const bucketPrefix = `test-${randomUUID()}/`;
  const client = createS3ObjectStore({
    bucket: s3Env['LOGS_BUCKET'] ?? 'logs',
    endpoint: s3Env['AWS_ENDPOINT_URL_S3'],
    region: s3Env['AWS_REGION'] ?? 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: s3Env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: s3Env['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  });
  const store = new PrefixedObjectStore(client, bucketPrefix);
  const redis = new Redis(redisUrl, { lazyConnect: true });
  redis.on('error', () => undefined);
  const apps: AppProcess[] = [];
  const env = {
    ...SHORT,
    ...NO_LIMITS,
    ...s3Env,
    BUCKET_PREFIX: bucketPrefix,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: prefix,
    CONCURRENCY: '4',
    ...options.env,
  };

  const keys = async (below: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const page of store.list({ prefix: below })) found.push(...page.objects.map(({ key }) => key));
    return found;
  };
  return {
    env,
    store,
    start: async (name, more = {}) => {
      const app = await startApp(name, { ...env, ...more });
      apps.push(app);
      return app;
    },
    stopS3,
    startS3,
    forgetQueues: () => removeTestKeys(prefix, redisUrl),
    forgetJobLocks: async () => {
      // And the mark of when jobs of dead workers were last looked for: nobody need wait for the next but one time.
      const marks = [...(await redis.keys(`${prefix}:*:lock`)), ...(await redis.keys(`${prefix}:*:stalled-check`))];
      if (marks.length > 0) await redis.unlink(...marks);
    },
    jobsIn: async (queue) => {
      const at = (state: string) => `${prefix}:${queue}:${state}`;
      const counts = await Promise.all([
        ...['wait', 'active', 'paused'].map((state) => redis.llen(at(state))),
        ...['delayed', 'prioritized', 'failed', 'completed'].map((state) => redis.zcard(at(state))),
      ]);
      return counts.reduce((sum, count) => sum + count, 0);
    },
    keys,
    close: async () => {
      for (const app of apps) app.kill('SIGKILL');
      await Promise.all(apps.map((app) => app.ended));
      redis.disconnect();
      if (options.redisUrl === undefined) await removeTestKeys(prefix, redisUrl);
      if (external) await store.deleteMany((await keys('')).map((key) => ({ key })));
      client.close();
      await stopS3();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function fromEnvironment(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
  const values = [...names, 'LOGS_BUCKET'].map((name) => [name, process.env[name] ?? ''] as const);
  return { ...Object.fromEntries(values), S3_FORCE_PATH_STYLE: 'true' };
}

/** A raw file to write. */
export interface RawUpload {
  readonly pod: string;
  /** In the key; one number per upload, as Fluent Bit counts. */
  readonly index: number;
  readonly messages: readonly string[];
  readonly namespace?: string;
  readonly container?: string;
}

/** Uploads messages as Fluent Bit would; gives the key. */
export async function putRaw(store: ObjectStore, upload: RawUpload): Promise<string> {
  const { pod, index, messages, namespace = 'jobs', container = pod } = upload;
  const containerId = createHash('sha256').update(`${pod} ${container}`).digest('hex');
  const start = Date.UTC(2026, 10, 20, 10) + index * 60_000;
  const minute = new Date(start).toISOString().replace(/[-T:]/g, '').slice(0, 12);
  const lines = messages.map((log, line) => {
    const time = new Date(start + line).toISOString().replace('Z', '000000Z');
    return `${JSON.stringify({ time, stream: 'stdout', logtag: 'F', log })}\n`;
  });
  const key = `kube.var.log.containers.${pod}_${namespace}_${container}-${containerId}.log/${minute}__${index}.gz`;
  await store.put(key, Buffer.from(lines.join('')));
  return key;
}

/** What a pod's metadata says, as far as tests look at it. */
interface StoredMetadata {
  readonly log_files: readonly { readonly key: string; readonly records_count: number }[];
  readonly merged_raw: readonly unknown[];
  readonly superseded: readonly unknown[];
}

/** A pod as it stands in the bucket, read without any code of Cordwood's; undefined while it has no metadata. */
export async function storedPod(
  system: TestSystem,
  pod: string,
): Promise<{ readonly metadata: StoredMetadata; readonly messages: readonly string[] } | undefined> {
  const { store } = system;
  const [key] = await system.keys(`metadata/${pod}.json`);
  if (key === undefined) return undefined;
  const text = async (name: string, read: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) =>
    Buffer.from(read(await (await store.get(name)).bytes())).toString();
  const metadata = JSON.parse(await text(key)) as StoredMetadata;
  const messages: string[] = [];
  for (const file of metadata.log_files) {
    const lines = (await text(file.key, gunzipSync)).split('\n').slice(0, -1);
    messages.push(...lines.map((line) => (JSON.parse(line) as { log: string }).log));
  }
  return { metadata, messages };
}

/** Whether the pod is merged and cleaned: nothing raw is left, and nothing under `data/` that its metadata does not list. */
export async function isClean(system: TestSystem, pod: string): Promise<boolean> {
  if ((await system.keys(`kube.var.log.containers.${pod}_`)).length > 0) return false;
  const stored = await storedPod(system, pod);
  if (stored === undefined) return false;
  const { log_files, merged_raw, superseded } = stored.metadata;
  if (merged_raw.length > 0 || superseded.length > 0) return false;
  const listed = log_files.map((file) => file.key).toSorted();
  return JSON.stringify(await system.keys(`data/${pod}/`)) === JSON.stringify(listed);
}
