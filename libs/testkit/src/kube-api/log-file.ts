import { type Instant, parseTime } from '@cordwood/log-record';

/** A line of a container's log, as the container runtime writes it to the log file: `{time} {stream} {logtag} {message}`. */
export interface WrittenLine {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** `P`: the line goes on in the next one of its stream. */
  readonly logtag: 'P' | 'F';
  /** Without a newline. */
  readonly message: Buffer;
  /** `time` as an instant. */
  readonly instant: Instant;
}

/** Makes a line, of a time as the runtime writes it. @throws Error when that is none */
export function writtenLine(line: Omit<WrittenLine, 'instant'>): WrittenLine {
  const instant = parseTime(line.time);
  if (instant === undefined) throw new Error(`no time: ${line.time}`);
  if (line.message.includes(0x0a)) throw new Error('a line of a log file holds no newline');
  return { ...line, instant };
}

/** The bytes that the line takes in the log file. */
export const criText = ({ time, stream, logtag, message }: WrittenLine): Buffer =>
  Buffer.concat([Buffer.from(`${time} ${stream} ${logtag} `), message, Buffer.from('\n')]);

/** A log file on a node, which can be followed. */
export class LogFile {
  readonly lines: WrittenLine[] = [];
  /** The file that took its place. */
  successor: LogFile | undefined;
  /** Whether the answers to those who follow this file end with it; else they go on in its successor. */
  closed = false;
  /** Whether those who follow this file go on in its successor at once, without what they have not read of this one. */
  skipped = false;
  /** Nothing more comes: the container has ended. */
  ended = false;
  private waiters = new Set<() => void>();

  append(line: WrittenLine): void {
    this.lines.push(line);
    this.wake();
  }

  rotate(follow: 'continues' | 'skips' | 'closes'): LogFile {
    this.successor = new LogFile();
    this.closed = follow === 'closes';
    this.skipped = follow === 'skips';
    this.wake();
    return this.successor;
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  /** Resolves when anything has happened to the file, or the signal aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiters.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  private wake(): void {
    for (const wake of [...this.waiters]) wake();
  }
}
