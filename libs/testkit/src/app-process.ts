import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/** A line of an app's log. */
export type AppLogLine = Readonly<Record<string, unknown>>;

/** An app of this repository as a process of its own. */
export interface AppProcess {
  readonly pid: number;
  /** Where /healthz, /readyz and /metrics are. */
  readonly opsUrl: string;
  /** Everything it has logged so far. */
  readonly lines: readonly AppLogLine[];
  /** The first line with this message (so far, or to come) for which `match` holds. */
  line(message: string, match?: (line: AppLogLine) => boolean): Promise<AppLogLine>;
  /** How it ended: exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `apps/{name}` from its sources. Nothing of the environment is passed on but what is needed to find programs. */
export async function startApp(name: string, env: Readonly<Record<string, string>>): Promise<AppProcess> {
  const port = await freePort();
  const main = join(import.meta.dirname, '../../../apps', name, 'src/main.ts');
  const app: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [main], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', METRICS_PORT: String(port), ...env },
    // What it says on stderr is for whoever reads the test's output.
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killOnExit = () => app.kill('SIGKILL');
  process.once('exit', killOnExit);
  const ended = once(app, 'exit').then(([code, signal]) => {
    process.off('exit', killOnExit);
    return (code ?? signal) as number | NodeJS.Signals;
  });
  await once(app, 'spawn');

  const lines: AppLogLine[] = [];
  createInterface(app.stdout).on('line', (text) => lines.push(JSON.parse(text) as AppLogLine));
  return {
    pid: app.pid ?? 0,
    opsUrl: `http://127.0.0.1:${port}`,
    lines,
    line: (message, match = () => true) =>
      eventually(`${name} logs "${message}"`, () => lines.find((line) => line['message'] === message && match(line))),
    ended,
    kill: (signal) => void app.kill(signal),
  };
}

/** Asks again and again until the answer is neither undefined nor false. @throws Error when that takes too long */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let problem: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`, { cause: problem });
    await delay(25);
  }
}

/** A TCP port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  await once(probe.close(), 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
