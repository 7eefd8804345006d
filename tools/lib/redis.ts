import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram, installPackage } from './programs.ts';

export interface ProvidedRedis {
  url: string;
  stop(): Promise<void>;
}

const SERVERS = ['redis-server', 'valkey-server'];
const START_TIMEOUT = 60_000;
const START_TRIES = 5;

/**
 * The Redis named by REDIS_URL, else a private one that lives until `stop()` or the end of this process, however it ends.
 * A server that merely listens on the default port is never used: tests flush what they are given.
 */
export async function provideRedis(env: NodeJS.ProcessEnv = process.env): Promise<ProvidedRedis> {
  const given = env['REDIS_URL'];
  if (given) return { url: given, stop: () => Promise.resolve() };
  const program = (await findProgram(...SERVERS)) ?? (await installServer());
  for (let tries = 1; ; tries++) {
    try {
      return await startServer(program);
    } catch (error) {
      // Another process may take the free port between our choosing it and Redis binding it.
      if (tries === START_TRIES) throw error;
    }
  }
}

async function installServer(): Promise<string> {
  process.stderr.write('No redis-server found: installing the one of this distribution.\n');
  // Not `redis-server`: that package would start and enable a service of its own, while the program is in this one
  // already (Debian's redis-server is a link to redis-check-rdb; which of them it is, it sees by its name).
  const path = (await installPackage('redis-tools')) ? await findProgram('redis-check-rdb') : undefined;
  if (path !== undefined) return path;
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
  const named = join(dir, 'redis-server');
  await symlink(program, named);
  // Where there is setpriv (any Linux), the kernel ends Redis even when this process is killed.
  const setpriv = await findProgram('setpriv');
  const command: [string, ...string[]] = setpriv ? [setpriv, '--pdeathsig', 'KILL', named] : [named];
  // A group of its own keeps Ctrl-C from it: it is to outlive whoever uses it.
  const server = spawn(command[0], [...command.slice(1), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000));
  server.stdout.on('data', keep);
  server.stderr.on('data', keep);

  // For an exit that skips stop().
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

/** Whether a Redis on this machine answers at that port. */
export function answersPing(port: number): Promise<boolean> {
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
