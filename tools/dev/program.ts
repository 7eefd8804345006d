import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type WriteStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface ProgramOptions {
  readonly name: string;
  /** Arguments for this Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Hears every line it writes. */
  readonly onLine: (line: string) => void;
  /** It ended, and nobody had asked it to; `restart` is in vain when it has done so too often. */
  readonly onDeath: (death: Death) => void;
}

export interface Death {
  readonly how: string;
  readonly lastLines: readonly string[];
  /** False: it dies again and again, and is left dead. */
  readonly restarting: boolean;
}

/** A process of the stack: started, watched, restarted when it dies, ended. */
export interface Program {
  readonly name: string;
  readonly pid: number | undefined;
  /** Ends it in order, and by force when it takes longer. */
  stop(timeoutMs: number): Promise<void>;
}

const LAST_LINES = 8;
/** Deaths within that many ms that are too many. */
const TOO_MANY = { deaths: 4, withinMs: 30_000 };

export function startProgram(options: ProgramOptions): Program {
  const { name, args, env, logFile, onLine, onDeath } = options;
  const log: WriteStream = createWriteStream(logFile, { flags: 'w' });
  const deaths: number[] = [];
  const lastLines: string[] = [];
  let child: ChildProcess | undefined;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;

  const read = (stream: Readable) =>
    createInterface(stream).on('line', (line) => {
      log.write(`${line}\n`);
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      onLine(line);
    });
  const died = (how: string) => {
    child = undefined;
    if (stopping) return;
    deaths.push(Date.now());
    const recent = deaths.filter((at) => at > Date.now() - TOO_MANY.withinMs).length;
    const restarting = recent < TOO_MANY.deaths;
    onDeath({ how, lastLines: [...lastLines], restarting });
    if (restarting) timer = setTimeout(start, 500 * recent);
  };
  const start = () => {
    // Standard input is the thread that it hangs by: it ends when this process does.
    // A group of its own keeps Ctrl-C from it: we end everything, in order.
    const started = spawn(process.execPath, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    child = started;
    started.stdin.on('error', () => undefined);
    read(started.stdout);
    read(started.stderr);
    started.once('error', (error) => died(`could not be started: ${error.message}`));
    // `close` and not `exit`: its last lines are to be read first.
    started.once('close', (code, signal) =>
      died(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
  };
  start();

  return {
    name,
    get pid() {
      return child?.pid;
    },
    stop: async (timeoutMs) => {
      stopping = true;
      clearTimeout(timer);
      const ending = child;
      if (ending !== undefined) {
        const closed = once(ending, 'close');
        ending.kill('SIGTERM');
        const force = setTimeout(() => ending.kill('SIGKILL'), timeoutMs);
        await closed;
        clearTimeout(force);
      }
      log.end();
    },
  };
}
