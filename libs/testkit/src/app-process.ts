import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** A line of an app's log. */
export type AppLogLine = Readonly<Record<string, unknown>>;

/** An app of this repository as a process of its own. */
export interface AppProcess {
  readonly pid: number;
  /** Where /healthz, /readyz and /metrics are. */
  readonly opsUrl: string;
  /** Everything it has logged so far. */
  readonly lines: readonly AppLogLine[];
  /** All that it has written so far, to stdout and stderr. */
  readonly output: string;
  /** The first line with this message (so far, or to come) for which `match` holds. */
  line(message: string, match?: (line: AppLogLine) => boolean): Promise<AppLogLine>;
  /** How it ended: exit code or signal. All that it had to say is read by then. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
}

export interface StartAppOptions {
  /** The program; default: the app's source. */
  readonly main?: string;
  /** For `node`. */
  readonly flags?: readonly string[];
}

/** Starts `apps/{name}`. Nothing of the environment is passed on but what is needed to find programs. */
export async function startApp(
  name: string,
  env: Readonly<Record<string, string>>,
  options: StartAppOptions = {},
): Promise<AppProcess> {
  const port = await freePort();
  const { main = join(import.meta.dirname, '../../../apps', name, 'src/main.ts'), flags = [] } = options;
  const app: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, [...flags, main], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', METRICS_PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killOnExit = () => app.kill('SIGKILL');
  process.once('exit', killOnExit);
  // `close` and not `exit`: that may come before its last lines.
  const ended = once(app, 'close').then(([code, signal]) => {
    process.off('exit', killOnExit);
    return (code ?? signal) as number | NodeJS.Signals;
  });
  await once(app, 'spawn');

  const lines: AppLogLine[] = [];
  let output = '';
  app.stdout.on('data', (bytes: Buffer) => (output += bytes.toString('latin1')));
  app.stderr.on('data', (bytes: Buffer) => {
    output += bytes.toString('latin1');
    // What it says there is for whoever reads the test's output.
    process.stderr.write(bytes);
  });
  createInterface(app.stdout).on('line', (text) => lines.push(JSON.parse(text) as AppLogLine));
  return {
    pid: app.pid ?? 0,
    opsUrl: `http://127.0.0.1:${port}`,
    lines,
    get output() {
      return output;
    },
    line: (message, match = () => true) =>
      eventually(
        () => `${name} logs "${message}". Its last lines:\n${lastLines(lines)}`,
        () => lines.find((line) => line['message'] === message && match(line)),
      ),
    ended,
    kill: (signal) => void app.kill(signal),
  };
}

/** What helps to understand why an app did not do what was waited for. */
function lastLines(lines: readonly AppLogLine[]): string {
  return lines
    .slice(-20)
    .map((line) => JSON.stringify(line))
    .join('\n');
}

/**
 * Asks again and again until the answer is neither undefined nor false. `what` is for the message when that takes too long.
 * @throws Error then
 */
export async function eventually<T>(
  what: string | (() => string),
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 150_000,
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
    if (performance.now() > deadline) {
      throw new Error(`Not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`, { cause: problem });
    }
    await delay(25);
  }
}
