/** A bucket, a clock and reading for the specs of this library. */
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { formatTime, type LogRecord, writeMessage } from '@cordwood/log-record';
import { LogReader, MetadataStore, type ObjectStore } from '@cordwood/log-store';
import { formatMinute, formatRawKey } from '@cordwood/s3-key-format';
import type { Clock } from './clock.ts';
import type { LogEvent } from './log-events.ts';

/** 2026-11-20T10:00:00Z in seconds: times in specs are seconds after it. */
export const BASE = 1_795_168_800;
export const MAX_MESSAGE = 100_000;

export const instant = (at: number) => ({
  seconds: BASE + Math.floor(at),
  nanos: Math.round((at - Math.floor(at)) * 1e9),
});

export interface Line {
  readonly at: number;
  readonly log: string;
  readonly stderr?: boolean;
  readonly part?: 'P' | 'F';
}

/** A clock that only moves when it is moved. */
export class ManualClock implements Clock {
  private at = 0;
  private readonly sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return this.at;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void) => (): void => {
        this.sleepers.delete(sleeper);
        signal?.removeEventListener('abort', leave);
        outcome();
      };
      const sleeper = { until: this.at + Math.max(0, ms), wake: settle(resolve) };
      const leave = settle(() => {
        reject(signal?.reason as Error);
      });
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', leave);
    });
  }

  /** Moves on, from one sleeper to the next; each time all that can happen happens. `moved`: told about every step, in ms. */
  async advance(ms: number, moved: (ms: number) => void = () => undefined): Promise<void> {
    const end = this.at + ms;
    await quiet();
    for (;;) {
      const next = Math.min(end, ...[...this.sleepers].map(({ until }) => until));
      moved(Math.max(0, next - this.at));
      this.at = Math.max(this.at, next);
      const due = [...this.sleepers].filter(({ until }) => until <= this.at);
      for (const { wake } of due) wake();
      await quiet();
      if (due.length === 0 && this.at >= end) return;
    }
  }
}

/** Steps of reading archives that are under way: zlib works in threads of its own, which turns of the event loop do not wait for. */
let reading = 0;

async function counted<T>(step: Promise<T>): Promise<T> {
  reading++;
  try {
    return await step;
  } finally {
    reading--;
  }
}

/** Waits until everything that needs no time has happened. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 40; turns++) {
    await turn();
    if (reading === 0) continue;
    await delay(1);
    turns = 0;
  }
}

/** The archive in a store; {@link quiet} waits for its reads. */
export function archiveOf(store: ObjectStore): Pick<LogReader, 'open' | 'messages'> {
  const reader = new LogReader({
    store,
    metadata: new MetadataStore(store),
    reorderWindow: 10_000,
    maxRecord: 1_000_000,
    maxMessage: MAX_MESSAGE,
    legacyNamespace: undefined,
    onDamage: ({ key, reason }) => {
      throw new Error(`${key}: ${reason}`);
    },
  });
  return {
    open: async (...of) => counted(reader.open(...of)),
    messages: async function* (...of) {
      const batches = reader.messages(...of);
      try {
        for (;;) {
          const next = await counted(batches.next());
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        await batches.return(undefined);
      }
    },
  };
}

export const timeAt = (at: number): string => formatTime(instant(at));

/** A raw file of `team/job-a`, as Fluent Bit writes it. */
export async function upload(
  store: ObjectStore,
  lines: readonly Line[],
  index: number,
  containerId: string,
  container = 'main',
): Promise<void> {
  const text = lines.map(({ at, log, stderr = false, part = 'F' }) =>
    JSON.stringify({ time: timeAt(at), stream: stderr ? 'stderr' : 'stdout', logtag: part, log }),
  );
  const date = formatMinute(BASE + Math.floor(lines[0]?.at ?? 0));
  const key = formatRawKey({
    pod: 'job-a',
    namespace: 'team',
    container,
    containerId,
    logSuffix: true,
    separator: '__',
    date,
    index: index.toString(),
  });
  await store.put(key, Buffer.from(`${text.join('\n')}\n`));
}

export function messageOf(record: LogRecord): string {
  const target = Buffer.alloc(record.logEnd - record.logStart);
  return target.toString('utf8', 0, writeMessage(record, target, 0));
}

/** Collects what is read, until it ends or `stop` is called. */
export class Collected {
  readonly lines: string[] = [];
  readonly events: LogEvent[] = [];
  done = false;
  error: unknown;
  readonly finished: Promise<void>;
  private readonly log: AsyncGenerator<LogEvent>;

  constructor(log: AsyncGenerator<LogEvent>) {
    this.log = log;
    this.finished = this.collect();
  }

  async stop(): Promise<void> {
    await this.log.return(undefined);
    await this.finished;
  }

  private async collect(): Promise<void> {
    try {
      for await (const event of this.log) {
        this.events.push(event);
        if (event.kind === 'messages') this.lines.push(...event.messages.map(messageOf));
      }
    } catch (error) {
      this.error = error;
    }
    this.done = true;
  }
}
