import { type Kube, KubeletError, LiveLines, type PodLogRequest } from '@cordwood/kube';
import { type Instant, type LogRecord, recordTime, textHash } from '@cordwood/log-record';
import type { Clock } from './clock.ts';

/** Bytes of lines that are read before they are asked for. */
const READ_AHEAD = 128 * 1024;

/** A line as Kubernetes has it. */
export interface LiveLine {
  readonly record: LogRecord;
  readonly time: Instant;
  readonly hash: number;
}

export interface LiveStreamOptions {
  readonly kube: Kube;
  readonly request: Omit<PodLogRequest, 'timestamps' | 'signal'>;
  readonly clock: Clock;
  readonly maxMessage: number;
  readonly signal: AbortSignal;
}

/** The log of a container as Kubernetes gives it, while it comes. Read no faster than its lines are taken, but for a little. */
export class LiveStream {
  /** When it was asked for, by the clock. */
  readonly askedAt: number;
  private readonly options: LiveStreamOptions;
  private readonly left = new AbortController();
  private lines: LiveLine[] = [];
  private bytes = 0;
  private state: 'going' | 'ended' | 'failed' = 'going';
  private failure: unknown;
  private rest: LiveLine[] = [];
  private changed = newEvent();
  private drained = newEvent();

  constructor(options: LiveStreamOptions) {
    this.options = options;
    this.askedAt = options.clock.now();
    options.signal.addEventListener('abort', this.leave, { once: true });
    if (options.signal.aborted) this.leave();
    void this.pump();
  }

  /** Nothing more will come, and all was taken. */
  get isOver(): boolean {
    return this.state !== 'going' && this.lines.length === 0;
  }

  /** Why it is over, when it was not ended by Kubernetes. */
  get error(): unknown {
    return this.failure;
  }

  /** The line at the end that has no newline: it may go on, as long as its container runs. */
  get unfinished(): readonly LiveLine[] {
    return this.rest;
  }

  /** Until there are lines, or it is over, or so many ms have passed. */
  async wait(ms: number): Promise<void> {
    if (this.lines.length > 0 || this.state !== 'going') return;
    const waiting = new AbortController();
    const { clock, signal } = this.options;
    const timer = clock.sleep(ms, waiting.signal);
    // When lines come first, nobody awaits it.
    timer.catch(() => undefined);
    try {
      await Promise.race([this.changed.promise, timer]);
    } finally {
      waiting.abort();
    }
    signal.throwIfAborted();
  }

  /** The lines that have come. */
  take(): LiveLine[] {
    const { lines } = this;
    this.lines = [];
    this.bytes = 0;
    this.drained.resolve();
    if (this.state === 'going') this.changed = newEvent();
    return lines;
  }

  /** Ends the request. */
  close(): void {
    this.options.signal.removeEventListener('abort', this.leave);
    this.leave();
  }

  private readonly leave = (): void => {
    this.left.abort();
    this.drained.resolve();
    this.changed.resolve();
  };

  private async pump(): Promise<void> {
    const { kube, request, maxMessage } = this.options;
    const lines = new LiveLines({ maxMessage });
    try {
      const chunks = await kube.log({ ...request, timestamps: true, signal: this.left.signal });
      for await (const chunk of chunks) {
        if (this.left.signal.aborted) return;
        this.add(lines.push(chunk).map(lineOf), chunk.length);
        if (this.bytes > READ_AHEAD) {
          this.drained = newEvent();
          await this.drained.promise;
        }
      }
      this.rest = lines.end().map(lineOf);
      if (lines.kubeletError !== undefined) {
        throw new KubeletError('the node broke off the log', { detail: lines.kubeletError });
      }
      this.state = 'ended';
    } catch (error) {
      this.failure = error;
      this.state = 'failed';
    }
    this.changed.resolve();
  }

  private add(lines: readonly LiveLine[], bytes: number): void {
    if (lines.length === 0) return;
    for (const line of lines) this.lines.push(line);
    this.bytes += bytes;
    this.changed.resolve();
  }
}

/** Something that happens once. */
interface Event {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function newEvent(): Event {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

const lineOf = (record: LogRecord): LiveLine => ({ record, time: recordTime(record), hash: textHash(record) });
