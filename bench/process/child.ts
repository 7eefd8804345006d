import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { eventually } from '@cordwood/testkit';
import { IMAGE_FLAGS } from '../../tools/lib/image-flags.ts';

export interface ChildOptions {
  /** A bundled program: as in the images, with no TypeScript to strip at start. */
  readonly main: string;
  /** A module to load before it. */
  readonly preload?: string;
  /** All of its environment but the PATH. */
  readonly env: Readonly<Record<string, string>>;
}

/** A process that answers messages, one at a time. */
export class Child {
  /** What it has logged so far, one JSON object a line. */
  readonly lines: Readonly<Record<string, unknown>>[] = [];
  private readonly process: ChildProcess;
  private readonly name: string;

  constructor({ main, preload, env }: ChildOptions) {
    this.name = main;
    const flags = preload === undefined ? IMAGE_FLAGS : [...IMAGE_FLAGS, '--import', preload];
    const child: ChildProcess = spawn(process.execPath, [...flags, main], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    });
    createInterface(child.stdout ?? Readable.from([])).on('line', (line) =>
      this.lines.push(JSON.parse(line) as Readonly<Record<string, unknown>>),
    );
    this.process = child;
  }

  /** Sends a message and gives the answer. @throws Error when the process ends instead */
  async ask<Answer>(message: object): Promise<Answer> {
    const over = new AbortController();
    const { signal } = over;
    const ended = once(this.process, 'exit', { signal }).then(([code, killed]) => {
      throw new Error(`${this.name} ended with ${String(code ?? killed)}`);
    });
    const answered = once(this.process, 'message', { signal }) as Promise<[Answer]>;
    this.process.send(message);
    try {
      const [answer] = await Promise.race([answered, ended]);
      return answer;
    } finally {
      over.abort();
      await Promise.allSettled([answered, ended]);
    }
  }

  /** Waits until it has logged so many lines with this message. */
  async logged(message: string, count = 1): Promise<Readonly<Record<string, unknown>>[]> {
    const matching = () => this.lines.filter((line) => line['message'] === message);
    return eventually(
      `${this.name} logs "${message}" ${count.toString()} times`,
      () => {
        if (this.process.exitCode !== null) throw new Error(`${this.name} has ended`);
        return matching().length >= count && matching();
      },
      LOG_TIMEOUT_MS,
    );
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }
}

/** A merge of half a gigabyte on a slow machine. */
const LOG_TIMEOUT_MS = 600_000;
