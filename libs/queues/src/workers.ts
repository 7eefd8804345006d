import type { HealthCheck, Logger, Metrics } from '@cordwood/service';
import { Queue, Worker, isNotConnectionError } from 'bullmq';
import { CATALOGUE, type JobName, QUEUE_NAMES, type QueueName } from './catalogue.ts';
import { type CleanupRequests, createCleanupRequests } from './cleanup-requests.ts';
import type { QueueConnection } from './connection.ts';
import { WorkerStoppingError } from './errors.ts';
import { type Handlers, createProcessor } from './processor.ts';
import { RunningJobs } from './running-jobs.ts';

export interface StartWorkersOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
  /** Jobs at a time, per queue; scan and sweep are always alone. */
  readonly concurrency: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Jobs of THIS app. Its queues are those of these jobs; any other job that turns up there fails. */
  readonly handlers: Handlers;
  /** How long a worker that gives no sign of life keeps its jobs, in ms. */
  readonly lockDurationMs?: number;
  /** How often jobs of dead workers, and cleanups that went missing, are looked for, in ms. */
  readonly stalledIntervalMs?: number;
}

/** The workers of one process. */
export interface Workers {
  /** A liveness check: every worker's loop runs. */
  readonly check: HealthCheck;
  /** Jobs being worked on. */
  readonly running: number;
  /**
   * Takes no more jobs and waits for those that run. When most of `timeoutMs` is over it aborts their signals: handlers that then
   * give up have their jobs put back into the queue for another worker. Handlers that do not are abandoned; their jobs are taken up
   * elsewhere once their locks run out. Resolves within `timeoutMs`, to whether everything ended in order.
   */
  close(timeoutMs: number): Promise<boolean>;
}

/**
 * How often a job may lose its worker (kills, lost locks) before it counts as failed. Evictions and deployments kill workers that did
 * nothing wrong; but a pod that runs every worker out of memory must not go round for ever.
 */
const MAX_STALLED_COUNT = 5;

/** Starts one BullMQ worker for each queue that the handlers' jobs belong to. */
export function startWorkers(options: StartWorkersOptions): Workers {
  const { connection, prefix, logger, handlers, lockDurationMs = 30_000, stalledIntervalMs = 10_000 } = options;
  const renewals = options.metrics.counter({
    name: 'cordwood_job_lock_renewals_total',
    help: 'Locks of running jobs prolonged, or found to be lost to another worker.',
    labels: ['queue', 'result'],
  });
  const running = new RunningJobs(lockDurationMs, (queue, result) => renewals.inc({ queue, result }));
  const cleanup = handlers.clean ? openCleanup(options) : undefined;
  const timers: NodeJS.Timeout[] = [];
  if (cleanup) timers.push(reviveCleanups(cleanup.requests, logger, stalledIntervalMs));

  const process = createProcessor({ ...options, running, cleanups: cleanup?.requests });
  const stalled = options.metrics.counter({
    name: 'cordwood_jobs_stalled_total',
    help: 'Jobs whose worker gave no sign of life.',
    labels: ['queue'],
  });
  const workers = queuesOf(handlers).map((queue) => {
    // From the first scrape on: a series that begins with its first event hides it from `increase()`.
    stalled.inc({ queue }, 0);
    for (const result of ['renewed', 'lost']) renewals.inc({ queue, result }, 0);
    const worker = new Worker(queue, process, {
      connection: connection.worker,
      prefix,
      concurrency: isAlone(queue) ? 1 : options.concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount: MAX_STALLED_COUNT,
      // RunningJobs does it: BullMQ goes by the job's id, and mixes up two runs of one job in one process.
      skipLockRenewal: true,
    });
    worker.on('stalled', (jobId) => {
      stalled.inc({ queue });
      logger.warn('job stalled: its worker is gone', { queue, jobId });
    });
    worker.on('completed', (job) => {
      if (job.name === 'clean' && cleanup) running.follow(cleanup.ended(job.data));
    });
    worker.on('error', (error) => {
      // The connection reports outages.
      if (isNotConnectionError(error)) logger.warn('worker error', { queue, error });
    });
    return worker;
  });

  let closing: Promise<boolean> | undefined;
  const close = async (timeoutMs: number): Promise<boolean> => {
    for (const timer of timers) clearInterval(timer);
    const deadline = performance.now() + timeoutMs;
    // Handlers need a moment to give up, and their jobs one to be put back.
    const graceMs = Math.min(5_000, timeoutMs / 4);
    let ended = false;
    // A function, because the compiler does not see that a callback changes the variable.
    const hasEnded = () => ended;
    const inOrder = Promise.all(workers.map((worker) => worker.close()))
      .then(() => running.idle())
      .then(() => (ended = true));
    // Without jobs there is nothing to wait for but Redis, which may be away.
    const lull = async () => {
      do {
        await running.idle();
        await pause(graceMs);
      } while (running.size > 0);
    };
    await settled(Promise.race([inOrder, lull()]), timeoutMs - graceMs);
    if (running.size > 0) {
      running.abortAll(new WorkerStoppingError('the worker is stopping'));
      await settled(inOrder, deadline - performance.now());
    }
    if (!hasEnded()) {
      logger.warn('workers closed by force', { running: running.size });
      for (const worker of workers) {
        // Stops its timers, which BullMQ's closing does only when the jobs have ended.
        worker.pause(true).catch(() => undefined);
        settled(worker.getBackend().close(true), 1_000).catch(() => undefined);
      }
    }
    if (cleanup) await settled(cleanup.queue.close(), 500);
    return hasEnded();
  };

  return {
    check: () => {
      const dead = workers.filter((worker) => !worker.isRunning());
      if (dead.length > 0) throw new Error(`no longer running: ${dead.map(({ name }) => name).join(', ')}`);
    },
    get running() {
      return running.size;
    },
    close: (timeoutMs) => (closing ??= close(timeoutMs)),
  };
}

const isAlone = (queue: QueueName): boolean => queue === 'scan' || queue === 'sweep';

function queuesOf(handlers: Handlers): QueueName[] {
  const jobs = Object.keys(handlers) as JobName[];
  return QUEUE_NAMES.filter((queue) => jobs.some((job) => handlers[job] && CATALOGUE[job].queue === queue));
}

/** What a worker of cleanups needs to make jobs of requests that came while a job ran. */
function openCleanup({ connection, prefix, logger }: StartWorkersOptions) {
  const queue = new Queue('cleanup', {
    connection: connection.worker,
    prefix,
    skipVersionCheck: true,
    defaultJobOptions: CATALOGUE.clean.options,
  });
  queue.on('error', (error) => {
    if (isNotConnectionError(error)) logger.warn('queue error', { queue: 'cleanup', error });
  });
  const requests = createCleanupRequests({ queue, client: connection.worker, prefix });
  const ended = async (data: unknown) => {
    const { pod } = data as { pod: string };
    // If this fails, `revive` finds the request when it is overdue.
    await requests.ended(pod).catch((error: unknown) => logger.warn('cleanup request not followed up', { pod, error }));
  };
  return { queue, requests, ended };
}

function reviveCleanups(requests: CleanupRequests, logger: Logger, everyMs: number): NodeJS.Timeout {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    requests
      .revive()
      .catch((error: unknown) => logger.debug('overdue cleanups not looked for', { error }))
      .finally(() => (busy = false));
  }, everyMs);
  timer.unref();
  return timer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Waits for the promise to settle, but no longer than that. Never rejects. */
async function settled(work: Promise<unknown>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.max(0, withinMs))));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
