import './lib/node-version.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs tests against a Ceph of its own: `node tools/test-ceph.ts [jest config or pattern]…`. Each argument is one run of
 * tools/test.ts: a `jest.*.config.js` as its configuration, anything else as a pattern. Default: the S3 conformance suite.
 */
const runs = process.argv.length > 2 ? process.argv.slice(2) : ['jest.s3.config.js'];

const credentials = { AWS_ACCESS_KEY_ID: 'cordwood', AWS_SECRET_ACCESS_KEY: 'cordwoodsecret', LOGS_BUCKET: 'logs' };
const script = (name: string) => join(import.meta.dirname, 'ceph', name);
let running: ChildProcess | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill('SIGTERM');
  });
}

const dir = await mkdtemp(join(tmpdir(), 'cordwood-ceph-'));
const [port, monPort] = await freePorts();
try {
  process.exitCode = await run('bash', [script('up.sh'), dir, String(port)], {
    ...credentials,
    MON_PORT: String(monPort),
  });
  const s3 = {
    ...credentials,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    S3_FORCE_PATH_STYLE: 'true',
    CORDWOOD_TEST_S3: 'environment',
  };
  for (const each of runs) {
    if (process.exitCode !== 0) break;
    const args = /(^|\/)jest\..*config\.js$/.test(each) ? ['--config', each] : [each];
    process.exitCode = await run(process.execPath, [join(import.meta.dirname, 'test.ts'), ...args], s3);
  }
} finally {
  interrupted = false;
  // Started whatever happened: up.sh may have got half-way.
  await run('bash', [script('down.sh'), dir], {});
}

/** Runs a program to its end; its exit code, 1 when a signal ended it. */
async function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  if (interrupted) return 1;
  running = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  await once(running, 'exit');
  return running.exitCode ?? 1;
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports = [];
  // Both are held until both are known, so that they differ.
  for (const server of servers) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no free port');
    ports.push(address.port);
  }
  for (const server of servers) await once(server.close(), 'close');
  return ports as [number, number];
}
