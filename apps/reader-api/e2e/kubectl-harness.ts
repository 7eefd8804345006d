import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { describe } from '@jest/globals';
import { eventually, selfSignedCertificate } from '@cordwood/testkit';

/** How a run of kubectl ended. */
export interface Ran {
  /** Undefined: it was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kubectl that runs. */
export interface Running {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ran>;
  /** Waits until it has printed so many whole lines. */
  lines(count: number): Promise<string[]>;
  kill(): void;
}

/** A pod as far as tests look at it. */
export interface ShownPod {
  readonly metadata: { readonly labels?: object; readonly annotations?: object };
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses: readonly { readonly state: { readonly terminated?: object } }[];
  };
}

export interface Kubectl {
  (...args: readonly string[]): Promise<Ran>;
  /** Without waiting for its end. */
  start(...args: readonly string[]): Running;
  /** What it printed, when it ended well and said nothing on stderr. */
  text(...args: readonly string[]): Promise<string>;
  /** A pod, by `get -o json`. */
  pod(name: string): Promise<ShownPod>;
}

const version = (() => {
  try {
    return execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return undefined;
  }
})();

/** `describe`, where there is a kubectl; else a notice. */
export const describeKubectl = version === undefined ? describe.skip : describe;
if (version === undefined) process.stderr.write('NOTICE: there is no kubectl on the PATH: its tests are skipped.\n');

/** An unmodified kubectl for the reader at this URL, with a home and a cache of its own for every run. */
export function kubectlFor(url: string, namespace = 'jobs', options: readonly string[] = []): Kubectl {
  const start = (...args: readonly string[]): Running => {
    const home = mkdtempSync(join(tmpdir(), 'cordwood-kubectl-'));
    const child: ChildProcess = spawn(
      'kubectl',
      [`--server=${url}/kube`, `--namespace=${namespace}`, `--cache-dir=${join(home, 'cache')}`, ...options, ...args],
      {
        env: { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: join(home, 'none') },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    const stdout = () => Buffer.concat(out).toString();
    const stderr = () => Buffer.concat(err).toString();
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        rmSync(home, { recursive: true, force: true });
        resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
      });
    });
    return {
      stdout,
      stderr,
      ended,
      kill: () => child.kill('SIGKILL'),
      lines: (count) =>
        eventually(`kubectl ${args.join(' ')} prints ${count} lines`, () => {
          const lines = stdout().split('\n').slice(0, -1);
          return lines.length < count ? undefined : lines;
        }),
    };
  };
  const run = (...args: readonly string[]) => start(...args).ended;
  const text = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(...args);
    if (code !== 0 || stderr !== '') throw new Error(`kubectl ${args.join(' ')}: ${String(code)} ${stderr}${stdout}`);
    return stdout;
  };
  const pod = async (name: string) => JSON.parse(await text('get', 'pod', name, '-o', 'json')) as ShownPod;
  return Object.assign(run, { start, text, pod });
}

/** TLS before the reader, as an ingress gives it: kubectl sends tokens over nothing else. */
export async function startTlsProxy(target: string) {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const server = createServer(await selfSignedCertificate(), (incoming) => {
    const outgoing = connect(Number(port), hostname);
    for (const socket of [incoming, outgoing]) {
      open.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(socket);
          incoming.destroy();
          outgoing.destroy();
        });
    }
    incoming.pipe(outgoing).pipe(incoming);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
