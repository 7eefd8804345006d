import type { z } from 'zod';
import type { ProcessConfig } from './config-groups.ts';
import { ConfigError, type Environment, loadConfig } from './config.ts';
import { type Health, createHealth } from './health.ts';
import { type Logger, type RootLogger, createLogger, toError } from './logger.ts';
import { type Metrics, createMetrics } from './metrics.ts';
import { startOpsServer } from './ops-server.ts';
import { retryUntil } from './retry.ts';
import { type Shutdown, createShutdown } from './shutdown.ts';
import { version } from './version.ts';

/** What an app is built with. */
export interface AppContext<Config> {
  readonly name: string;
  readonly version: string;
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly shutdown: Shutdown;
  /**
   * Calls `fn` until it succeeds, with growing pauses, and says 503 on /readyz (check `name`) until then.
   * Resolves to what `fn` gave, or to undefined when the process stops first; never rejects.
   * For what needs S3 or Redis at start: an app whose store is away waits, it does not die.
   */
  readonly retryUntilReady: <T>(name: string, fn: (signal: AbortSignal) => Promise<T>) => Promise<T | undefined>;
}

/** What an app tells about itself once it runs. */
export interface Composed {
  /** Ports by name, for the line that says ready. */
  readonly ports?: Readonly<Record<string, number>>;
}

export interface RunAppOptions<Shape extends z.ZodRawShape> {
  readonly name: string;
  /** From `defineConfig`, with `processVariables` in it. */
  readonly schema: z.ZodObject<Shape> & z.ZodType<ProcessConfig>;
  readonly env: Environment;
  /** Builds clients, stores and services, starts them, and registers their shutdown. An error ends the process. */
  readonly compose: (
    context: AppContext<z.output<z.ZodObject<Shape>>>,
  ) => Promise<Composed | undefined> | Promise<void>;
}

/**
 * Runs an app until a signal or an error nobody caught ends it.
 * @returns the exit code; main.ts is one line: `process.exit(await runApp({ … }))`
 */
export async function runApp<Shape extends z.ZodRawShape>({
  name,
  schema,
  env,
  compose,
}: RunAppOptions<Shape>): Promise<number> {
  let config: z.output<z.ZodObject<Shape>>;
  try {
    config = loadConfig<Shape>(schema, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    return 1;
  }
  // That the schema has these is said by its type; the compiler cannot see it through the generic shape.
  const shell = config as ProcessConfig;
  const logger = createLogger({ app: name, level: shell.LOG_LEVEL });
  const shutdown = createShutdown({ timeoutMs: shell.SHUTDOWN_TIMEOUT, logger });
  const ended = untilEnded({ logger, shutdown });
  try {
    const started = start({ name, config, shell, logger, shutdown, compose });
    // A signal may arrive, or something fail, before everything has started.
    return await Promise.race([ended.exitCode, started.then(() => ended.exitCode)]);
  } catch (error) {
    // What starts while a signal is already ending the process may well fail.
    if (shutdown.signal.aborted) return await ended.exitCode;
    logger.error('start failed', { error: toError(error) });
    await shutdown.run('start failed');
    return 1;
  } finally {
    ended.forget();
    await closeLogger(logger);
  }
}

interface StartOptions<Config> {
  readonly name: string;
  readonly config: Config;
  readonly shell: ProcessConfig;
  readonly logger: Logger;
  readonly shutdown: Shutdown;
  readonly compose: (context: AppContext<Config>) => Promise<Composed | undefined> | Promise<void>;
}

async function start<Config>({ name, config, shell, logger, shutdown, compose }: StartOptions<Config>): Promise<void> {
  const startedAt = performance.now();
  const metrics = createMetrics({ app: name, version });
  const health = createHealth();
  shutdown.signal.addEventListener('abort', () => health.stopping());

  // First of all, so that probes are answered while the rest waits for its stores.
  const ops = await startOpsServer({ port: shell.METRICS_PORT, health, metrics });
  shutdown.add({ name: 'ops server', group: 'ops', run: ({ timeoutMs }) => ops.close(timeoutMs / 2) });

  const retryUntilReady = <T>(check: string, fn: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
    let problem: string | undefined = 'not tried yet';
    health.addReadiness(check, () => {
      if (problem !== undefined) throw new Error(problem);
    });
    const attempt = async (signal: AbortSignal) => {
      const value = await fn(signal);
      problem = undefined;
      return value;
    };
    const onFailure = (error: Error) => void (problem = error.message);
    return retryUntil(attempt, { name: check, logger, signal: shutdown.signal, onFailure });
  };

  const composed = await compose({ name, version, config, logger, metrics, health, shutdown, retryUntilReady });
  const ports = { metrics: ops.port, ...composed?.ports };
  logger.info('ready', { version, pid: process.pid, ports, durationMs: Math.round(performance.now() - startedAt) });
}

/** Ends the process on signals, on errors that nobody caught, and when its log is lost. */
function untilEnded({ logger, shutdown }: { logger: RootLogger; shutdown: Shutdown }) {
  const { promise: exitCode, resolve } = Promise.withResolvers<number>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    // The second one comes from somebody who will not wait.
    if (++signals > 1) shutdown.force(signal);
    else void shutdown.run(signal).then(resolve);
  };
  const onCrash = (kind: string) => (thrown: unknown) => {
    // No orderly shutdown: the state is unknown, and the work is made to survive a kill at any moment.
    logger.error(kind, { error: toError(thrown) });
    resolve(1);
  };
  // Where a supervisor owns the pipe (Kubernetes, Docker, systemd), its reader outlives us; a reader that has gone is `… | head`, or a parent
  // that died, and who started that wants it to end. Were it something worse, then to work on unseen helps nobody, while a
  // restart brings a new pipe. In order, because the work is in a known state; not 0, because nobody asked for it.
  void logger.lost.then(async () => {
    await shutdown.run('the log is lost');
    resolve(1);
  });
  // Only complaints of Node itself go there: the log tells that they are lost, and the work goes on.
  let isLost = false;
  const onStderrError = (error: Error) => {
    if (!isLost) logger.warn('standard error is lost', { error });
    isLost = true;
  };
  const onException = onCrash('uncaught exception');
  const onRejection = onCrash('unhandled rejection');

  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', onException).on('unhandledRejection', onRejection);
  process.stderr.on('error', onStderrError);
  const forget = () => {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    process.off('uncaughtException', onException).off('unhandledRejection', onRejection);
    process.stderr.off('error', onStderrError);
  };
  return { exitCode, forget };
}

/** The last lines matter most; but a stdout that nobody reads must not keep the process. */
async function closeLogger(logger: RootLogger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, 1_000)));
  await Promise.race([logger.close(), late]);
  clearTimeout(timer);
}
