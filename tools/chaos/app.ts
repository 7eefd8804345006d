import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@cordwood/testkit';

const ROOT = join(import.meta.dirname, '../..');
const CLOCK = join(import.meta.dirname, 'shifted-clock.ts');
/** Longer than SHUTDOWN_TIMEOUT of the apps. */
const END_WITHIN_MS = 40_000;

export interface AppOptions {
  /** `compactor-1`: also the name of its log file. */
  readonly name: string;
  /** `compactor-worker`: in `apps/`. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  /** Hears every line that it logs. */
  readonly onLine: (line: AppLine) => void;
  /** It ended, and nobody had asked it to. */
  readonly onDeath: (how: string) => void;
}

/** A line of an app's log, and when it was heard (ms of `performance.now()`). */
export interface AppLine {
  readonly at: number;
  readonly message?: unknown;
  readonly pod?: unknown;
  readonly [field: string]: unknown;
}

/** One replica of an app: a process that is killed, frozen and started again, with another clock each time. */
export class App {
  readonly name: string;
  readonly program: string;
  /** Where a reader's API is, while it runs. */
  url: string | undefined;
  /** Whether it has done what it does at its start. */
  isReady = false;
  /** How many processes it has had: a change tells that it was restarted. */
  generation = 0;
  readonly #options: AppOptions;
  readonly #log: WriteStream;
  #process: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #asked = false;
  #frozen = false;

  constructor(options: AppOptions) {
    this.name = options.name;
    this.program = options.program;
    this.#options = options;
    this.#log = createWriteStream(join(options.dir, `${options.name}.log`));
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#frozen;
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** `clockOffset`: how far its clock is off, in ms. */
  async start(clockOffset: number): Promise<void> {
    const { program, env, onLine, onDeath } = this.#options;
    const main = join(ROOT, 'apps', program, 'src/main.ts');
    const app = spawn(process.execPath, ['--import', CLOCK, main], {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: '/nonexistent',
        ...env,
        METRICS_PORT: String(await freePort()),
        CHAOS_CLOCK_OFFSET: String(clockOffset),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = app;
    this.#asked = false;
    this.generation++;
    this.#log.write(`--- started as ${app.pid}, clock ${clockOffset} ms off\n`);
    const killOnExit = () => app.kill('SIGKILL');
    process.once('exit', killOnExit);
    this.#ended = once(app, 'exit').then(([code, signal]) => {
      process.off('exit', killOnExit);
      this.#log.write(`--- ended: ${String(code ?? signal)}\n`);
      this.#process = undefined;
      this.#frozen = false;
      this.url = undefined;
      this.isReady = false;
      if (!this.#asked) onDeath(`ended by itself (${String(code ?? signal)})`);
    });
    createInterface(app.stderr).on('line', (line) => this.#log.write(`${line}\n`));
    createInterface(app.stdout).on('line', (text) => {
      this.#log.write(`${text}\n`);
      const line = { ...(JSON.parse(text) as object), at: performance.now() } as AppLine;
      if (line.message === 'ready' && this.#process === app) this.#listens(line);
      onLine(line);
    });
    await once(app, 'spawn');
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#asked = true;
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM. @throws Error when it does not end */
  async end(): Promise<void> {
    this.#asked = true;
    this.#process?.kill('SIGTERM');
    const timer = new AbortController();
    const late = delay(END_WITHIN_MS, true, { signal: timer.signal }).catch(() => false);
    const tooLate = await Promise.race([this.#ended.then(() => false), late]);
    timer.abort();
    if (tooLate) throw new Error(`${this.name} does not end ${END_WITHIN_MS} ms after SIGTERM`);
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#frozen = this.#process?.kill('SIGSTOP') === true;
  }

  /** SIGCONT. */
  wake(): void {
    this.#process?.kill('SIGCONT');
    this.#frozen = false;
  }

  #listens(line: AppLine): void {
    this.isReady = true;
    const { ports } = line as { readonly ports?: { readonly http?: number } };
    if (ports?.http !== undefined) this.url = `http://127.0.0.1:${ports.http}`;
  }
}
