import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';

/** The Redis that tests share. @throws Error when REDIS_URL is not set: nothing is skipped silently */
export function testRedisUrl(): string {
  const url = process.env['REDIS_URL'];
  if (!url) throw new Error('REDIS_URL is not set: run the tests with `npm test`, which provides a Redis');
  return url;
}

/** A queue prefix that no other test has, such as `{t-3f9c…}`. Give it to {@link removeTestKeys} in the end. */
export function testQueuePrefix(): string {
  return `{t-${randomBytes(8).toString('hex')}}`;
}

/** Deletes every key of a prefix. */
export async function removeTestKeys(prefix: string, url = testRedisUrl()): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }) as AsyncIterable<string[]>) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}

/** A Redis of one test alone, to stop and start. What it holds is on disk and survives all but `start({ empty: true })`. */
export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Ends it in order; clients see their connections close. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port; `empty` without what it held. */
  start(options?: { readonly empty?: boolean }): Promise<void>;
  /** Stops it and removes its directory. */
  dispose(): Promise<void>;
}

export interface PrivateRedisOptions {
  /** More settings, as in redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A Sentinel instead of a server: give it `{ sentinel: 'monitor <master> 127.0.0.1 <port> 1' }` as settings. */
  readonly sentinel?: boolean;
}

/** Only one that hangs is to fail: machines may be busy. */
const START_TIMEOUT_MS = 150_000;

/** @throws Error when there is no redis-server on the PATH or it does not start */
export async function startPrivateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnFreePort(options);
    } catch (error) {
      // Another process may take the free port between our choosing it and Redis binding it.
      if (tries === 3) throw error;
    }
  }
}

async function startOnFreePort({ settings = {}, sentinel = false }: PrivateRedisOptions): Promise<PrivateRedis> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-private-redis-'));
  const all = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    // Every write is with the kernel when it is answered, so that even a kill keeps it.
    appendonly: 'yes',
    'maxmemory-policy': 'noeviction',
    ...settings,
  };
  const login = settings['requirepass'] === undefined ? '' : `:${encodeURIComponent(settings['requirepass'])}@`;
  let server: ChildProcess | undefined;
  // The last resort, for a test that fails before it disposes.
  const killOnExit = () => server?.kill('SIGKILL');
  process.once('exit', killOnExit);

  const end = async (signal: NodeJS.Signals) => {
    const ending = server;
    server = undefined;
    if (ending?.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(signal);
    await once(ending, 'exit');
  };
  const start = async ({ empty = false }: { readonly empty?: boolean } = {}) => {
    if (server) throw new Error('This Redis runs already');
    if (empty) await rm(join(dir, 'appendonlydir'), { recursive: true, force: true });
    server = await startServer(all, { sentinel });
  };
  const redis: PrivateRedis = {
    url: `redis://${login}127.0.0.1:${port}`,
    port,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start,
    dispose: async () => {
      process.off('exit', killOnExit);
      await end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await redis.dispose();
    throw error;
  }
  return redis;
}

async function startServer(
  settings: Readonly<Record<string, string>> & { readonly dir: string; readonly port: string },
  { sentinel }: { readonly sentinel: boolean },
): Promise<ChildProcess> {
  // A file and no arguments, because a Sentinel insists on one.
  const config = join(settings.dir, 'redis.conf');
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`);
  await writeFile(config, lines.join(''));
  const args = sentinel ? [config, '--sentinel'] : [config];
  // Debian keeps some servers in sbin, which is not on every user's PATH.
  const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter);
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PATH } });
  let output = '';
  server.stdout.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)));
  await once(server, 'spawn');

  const probe = new Redis({
    port: Number(settings.port),
    host: '127.0.0.1',
    ...(settings['requirepass'] === undefined ? {} : { password: settings['requirepass'] }),
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  probe.on('error', () => undefined);
  const deadline = Date.now() + START_TIMEOUT_MS;
  try {
    for (;;) {
      if (server.exitCode !== null) throw new Error(`redis-server ended at once:\n${output}`);
      if (
        await probe.connect().then(
          () => true,
          () => false,
        )
      )
        return server;
      if (Date.now() > deadline)
        throw new Error(`redis-server did not start within ${START_TIMEOUT_MS} ms:\n${output}`);
      await delay(10);
    }
  } catch (error) {
    server.kill('SIGKILL');
    throw error;
  } finally {
    probe.disconnect();
  }
}
