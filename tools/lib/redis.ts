import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProvidedRedis {
  url: string;
  stop(): Promise<void>;
}

const SERVERS = ['redis-server', 'valkey-server'];
const START_TIMEOUT = 10_000;
const START_TRIES = 5;

/**
 * The Redis named by REDIS_URL, else a private one that lives until `stop()` or the end of this process.
 * A server that merely listens on the default port is never used: tests flush what they are given.
 */
export async function provideRedis(): Promise<ProvidedRedis> {
  const given = process.env['REDIS_URL'];
  if (given) return { url: given, stop: () => Promise.resolve() };
  const program = (await findServer()) ?? (await installServer());
  for (let tries = 1; ; tries++) {
    try {
      return await startServer(program);
    } catch (error) {
      // Another process may take the free port between our choosing it and Redis binding it.
      if (tries === START_TRIES) throw error;
    }
  }
}

async function findServer(): Promise<string | undefined> {
  // Debian keeps some servers in sbin, which is not on every user's PATH.
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const name of SERVERS) {
    for (const dir of dirs) {
      const path = join(dir, name);
      if (dir !== '' && (await isExecutable(path))) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function installServer(): Promise<string> {
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    process.stderr.write('No redis-server found: installing the one of this distribution.\n');
    // RUNLEVEL=1 makes Debian's maintainer scripts install the service without starting it.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    const aptGet = (...args: string[]) =>
      spawnSync('apt-get', ['-y', '-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
    const install = () => aptGet('install', '--no-install-recommends', 'redis-server');
    // The package lists of a fresh machine are often absent or out of date.
    if (install() || (aptGet('update') && install())) {
      const path = await findServer();
      if (path) return path;
    }
  }
  throw new Error(
    `No Redis: set REDIS_URL, or put ${SERVERS.join(' or ')} on the PATH (Debian: apt-get install redis-server).`,
  );
}

async function startServer(program: string): Promise<ProvidedRedis> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-redis-'));
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    // BullMQ asks for it: an evicted key would be a lost job.
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  server.stdout.on('data', keep);
  server.stderr.on('data', keep);

  // The last resort, for an exit that skips stop().
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    if (isRunning(server)) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await rm(dir, { recursive: true, force: true });
  };

  try {
    await untilReady(server, port);
  } catch (error) {
    await stop();
    throw new Error(`${program} did not start: ${String(error)}\n${output}`, { cause: error });
  }
  return { url: `redis://127.0.0.1:${port}`, stop };
}

function isRunning(server: ChildProcess): boolean {
  return server.pid !== undefined && server.exitCode === null && server.signalCode === null;
}

async function untilReady(server: ChildProcess, port: number): Promise<void> {
  const failed = once(server, 'exit').then(() => {
    throw new Error('it ended at once');
  });
  failed.catch(() => undefined);
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await Promise.race([answersPing(port), failed]))) {
    if (Date.now() > deadline) throw new Error(`no answer within ${START_TIMEOUT} ms`);
    await delay(20);
  }
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('data', (data) => settle(data.toString().startsWith('+PONG')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
