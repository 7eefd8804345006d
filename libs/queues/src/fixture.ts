import { type Logger, type Metrics, createMetrics, parseRedisUrl } from '@cordwood/service';
import { type QueueConnection, connectRedis } from './connection.ts';
import type { Handlers } from './processor.ts';
import { type CreateQueuesOptions, type Queues, createQueues } from './producers.ts';
import { type StartWorkersOptions, type Workers, startWorkers } from './workers.ts';

/** What the specs of this library share. It is given a Redis and a prefix, and closes what it opened. */
export interface Fixture {
  readonly connection: QueueConnection;
  readonly prefix: string;
  readonly log: readonly LogLine[];
  readonly metrics: Metrics;
  queues(options?: Partial<CreateQueuesOptions>): Queues;
  workers(handlers: Handlers, options?: Partial<StartWorkersOptions>): Workers;
  close(): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function createFixture(url: string, prefix: string): Fixture {
  const target = parseRedisUrl(url);
  if (!target) throw new Error(`no Redis URL: ${url}`);
  const log: LogLine[] = [];
  const logger = recordingLogger(log);
  const connection = connectRedis({ target, logger });
  const metrics = createMetrics({ app: 'test', version: '0', defaults: false });
  const opened: { close(timeoutMs: number): Promise<unknown> }[] = [];
  const keep = <T extends { close(timeoutMs: number): Promise<unknown> }>(closeable: T): T => {
    opened.push(closeable);
    return closeable;
  };
  return {
    connection,
    prefix,
    log,
    metrics,
    queues: (options) => keep(createQueues({ connection, prefix, logger, ...options })),
    workers: (handlers, options) =>
      keep(startWorkers({ connection, prefix, logger, metrics, concurrency: 4, handlers, ...options })),
    close: async () => {
      await Promise.all(opened.map((closeable) => closeable.close(2_000)));
      await connection.close();
    },
  };
}

function recordingLogger(log: LogLine[], bound: Readonly<Record<string, unknown>> = {}): Logger {
  const at = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    log.push({ level, message, fields: { ...bound, ...fields } });
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (fields) => recordingLogger(log, { ...bound, ...fields }),
  };
}

/** Asks until the answer is not undefined or false. @throws Error when that takes too long */
export async function expectSoon<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = 150_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
