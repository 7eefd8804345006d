import { type HealthCheck, type Logger, toError } from '@cordwood/service';
import { Queue, isNotConnectionError } from 'bullmq';
import { CATALOGUE, type QueueName, type ScheduledJob, parsePayload, podJobId } from './catalogue.ts';
import { createCleanupRequests } from './cleanup-requests.ts';
import { PRODUCER_TIMEOUT_MS, type QueueConnection, withinTimeout } from './connection.ts';
import { PayloadError } from './errors.ts';
import { type JobSchedule, createJobSchedule } from './job-schedule.ts';
import { promoteStrayed, redisNow } from './redis-clock.ts';
import { type FailedJob, failedJobs, releaseFailedJobs } from './release-failed.ts';

export type JobState = 'waiting' | 'active' | 'delayed' | 'failed';
export type QueueCounts = Readonly<Record<QueueName, Readonly<Record<JobState, number>>>>;

/** What apps ask of the queues. Everything rejects within seconds while Redis is away, and is safe to ask again. */
export interface Queues {
  /**
   * Makes a job come every so many ms, however many replicas ask for it, and one at a time. The latest interval counts.
   * From then on, until `close`, looks that the schedule is still in Redis, and puts it back when not.
   */
  scheduleScan(everyMs: number): Promise<void>;
  scheduleSweep(everyMs: number): Promise<void>;
  /**
   * One compaction job per pod, unless the pod has one that waits, runs or is kept as failed.
   * Gives the names that no job can be made of; they do not hold up the others.
   */
  enqueueCompactions(pods: readonly string[]): Promise<{ readonly refused: readonly string[] }>;
  /**
   * A cleanup job for the pod starts no later than in `dueInMs`, and after this call: a job that is running now will be
   * followed by another. @throws PayloadError for what is no pod name
   */
  enqueueCleanup(pod: string, dueInMs: number): Promise<void>;
  /** The same for many pods, now. Gives the names that no job can be made of; they do not hold up the others. */
  enqueueCleanups(pods: readonly string[]): Promise<{ readonly refused: readonly string[] }>;
  /**
   * Those of the pods whose compaction is kept as failed, so that they get no other job, and when it failed: in ms since 1970, by the
   * clock of the worker that it failed on.
   */
  failedAmong(pods: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Why these compactions are kept as failed; nothing of pods whose are not. For a few pods. `firstMs`: as for `releaseFailed`. */
  explainFailed(pods: readonly string[], firstMs: number): Promise<readonly FailedJob[]>;
  /**
   * Takes up to `limit` compaction and cleanup jobs each that have been kept as failed long enough, and makes new ones of them,
   * so that a job that is kept as failed does not block its pod for ever. Long enough is `firstMs` after a pod's first failure, and
   * doubles with each further one, up to an hour. Jobs with a bad payload are removed.
   */
  releaseFailed(firstMs: number, limit?: number): Promise<ReleasedJobs>;
  /** Jobs of a queue that is paused count as waiting. */
  counts(): Promise<QueueCounts>;
  /** A readiness check: the queues can be written to. */
  readonly check: HealthCheck;
  close(): Promise<void>;
}

export interface ReleasedJobs {
  /** Pods whose compaction was released. */
  readonly compactions: readonly string[];
  /** All jobs released, and all that were removed. */
  readonly released: number;
  readonly removed: number;
}

export interface CreateQueuesOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
  readonly logger: Logger;
  /** How often schedules are looked after, in ms. */
  readonly scheduleCheckMs?: number;
}

/** Jobs per command when many are added. */
const CHUNK = 500;
/** Cleanups asked for at the same time; each takes a few commands. */
const CLEANUPS_AT_ONCE = 50;
/** Failed jobs among which those to release are looked for: the ones that failed first. */
const LOOKED_AT = 1_000;

export function createQueues({ connection, prefix, logger, scheduleCheckMs = 30_000 }: CreateQueuesOptions): Queues {
  const open = (name: QueueName, job: keyof typeof CATALOGUE) => {
    const queue = new Queue(name, {
      connection: connection.producer,
      prefix,
      // Its INFO would have to succeed the first time, or the queue never works; connectRedis checks for eviction itself.
      skipVersionCheck: true,
      defaultJobOptions: CATALOGUE[job].options,
    });
    // Outages are reported by the connection.
    queue.on('error', (error) => {
      if (isNotConnectionError(error)) logger.warn('queue error', { queue: name, error });
    });
    return queue;
  };
  const queues = {
    scan: open('scan', 'scan'),
    compaction: open('compaction', 'compact'),
    cleanup: open('cleanup', 'clean'),
    sweep: open('sweep', 'sweep'),
  };
  const requests = createCleanupRequests({ queue: queues.cleanup, client: connection.producer, prefix });
  const schedules = new Map<ScheduledJob, JobSchedule>();
  let closed = false;

  /** BullMQ's own calls wait for a connection without end; a producer must not. */
  const guard = async <T>(work: () => Promise<T>, timeoutMs = PRODUCER_TIMEOUT_MS): Promise<T> => {
    const ready = Promise.all(Object.values(queues).map((queue) => queue.waitUntilReady()));
    await withinTimeout(ready, { timeoutMs: PRODUCER_TIMEOUT_MS });
    return withinTimeout(work(), { timeoutMs });
  };

  /**
   * Those of the pods that no job is in the way of. Adding a job that exists changes nothing, but takes six commands and a script; and while much
   * waits, every scan meets all that the scan before has added.
   */
  const withoutJob = async (pods: readonly string[]): Promise<string[]> => {
    const pipeline = connection.producer.pipeline();
    for (const pod of pods) pipeline.exists(queues.compaction.toKey(podJobId('compact', pod)));
    const answers = await guard(() => pipeline.exec());
    // What could not be answered is added: that is safe.
    return pods.filter((_pod, index) => answers?.[index]?.[1] !== 1);
  };

  const failedAmong: Queues['failedAmong'] = async (pods) => {
    const failedAt = new Map<string, number>();
    for (let start = 0; start < pods.length; start += CHUNK) {
      const some = pods.slice(start, start + CHUNK);
      const pipeline = connection.producer.pipeline();
      // The set of the failed is ordered by when they did: no job need be fetched.
      for (const pod of some) pipeline.zscore(queues.compaction.toKey('failed'), podJobId('compact', pod));
      const answers = await guard(() => pipeline.exec());
      for (const [index, pod] of some.entries()) {
        const [error, score] = answers?.[index] ?? [];
        if (error) throw error;
        if (typeof score === 'string') failedAt.set(pod, Number(score));
      }
    }
    return failedAt;
  };

  const enqueueCompactions: Queues['enqueueCompactions'] = async (pods) => {
    const good = pods.filter((pod) => isPayload(pod));
    for (let start = 0; start < good.length; start += CHUNK) {
      const free = await withoutJob(good.slice(start, start + CHUNK));
      if (free.length === 0) continue;
      const jobs = free.map((pod) => ({
        name: 'compact',
        data: { pod },
        opts: { ...CATALOGUE.compact.options, jobId: podJobId('compact', pod) },
      }));
      await guard(() => queues.compaction.addBulk(jobs));
    }
    return { refused: good.length === pods.length ? [] : pods.filter((pod) => !isPayload(pod)) };
  };

  const enqueueCleanups: Queues['enqueueCleanups'] = async (pods) => {
    const good = pods.filter((pod) => isPayload(pod));
    for (let start = 0; start < good.length; start += CLEANUPS_AT_ONCE) {
      const some = good.slice(start, start + CLEANUPS_AT_ONCE);
      await guard(() => Promise.all(some.map((pod) => requests.request(pod, 0))));
    }
    return { refused: good.length === pods.length ? [] : pods.filter((pod) => !isPayload(pod)) };
  };

  const schedule = async (job: ScheduledJob, everyMs: number): Promise<void> => {
    const known =
      schedules.get(job) ??
      createJobSchedule({
        job,
        queue: queues[job],
        client: connection.producer,
        logger,
        checkMs: scheduleCheckMs,
        guard,
      });
    schedules.set(job, known);
    await known.set(everyMs);
  };

  return {
    scheduleScan: (everyMs) => schedule('scan', everyMs),
    scheduleSweep: (everyMs) => schedule('sweep', everyMs),
    enqueueCompactions,
    enqueueCleanups,
    enqueueCleanup: async (pod, dueInMs) => {
      parsePayload('clean', { pod });
      await guard(() => requests.request(pod, dueInMs));
    },
    failedAmong,
    explainFailed: (pods, firstMs) => {
      const ids = pods.map((pod) => podJobId('compact', pod));
      return guard(() => failedJobs(queues.compaction, ids, firstMs));
    },
    releaseFailed: async (firstMs, limit = 100) => {
      // A pod waits for its failed job's next try.
      await guard(() => promoteStrayed(queues.compaction, connection.producer));
      const now = await guard(() => redisNow(connection.producer));
      const options = { firstMs, lookAt: LOOKED_AT, limit, now, guard };
      const compactions = await releaseFailedJobs(queues.compaction, options, async (payload) => {
        await queues.compaction.add('compact', payload, { jobId: podJobId('compact', payload.pod) });
      });
      const cleanups = await releaseFailedJobs(queues.cleanup, options, async (payload) => {
        // Without a request beside it, which would make a second job of it when the first has started by then.
        await queues.cleanup.add('clean', payload, { jobId: podJobId('clean', payload.pod) });
      });
      return {
        compactions: compactions.released,
        released: compactions.released.length + cleanups.released.length,
        removed: compactions.removed + cleanups.removed,
      };
    },
    counts: () => guard(() => countJobs(queues)),
    check: async (signal) => {
      if (closed) throw new Error('the queues are closed');
      await connection.ping(signal);
    },
    close: async () => {
      closed = true;
      for (const each of schedules.values()) each.stop();
      for (const [name, queue] of Object.entries(queues)) {
        await withinTimeout(queue.close(), { timeoutMs: 1_000 }).catch((error: unknown) => {
          logger.debug('queue not closed in order', { queue: name, error: toError(error) });
        });
      }
    },
  };
}

function isPayload(pod: string): boolean {
  try {
    parsePayload('compact', { pod });
    return true;
  } catch (error) {
    if (error instanceof PayloadError) return false;
    throw error;
  }
}

async function countJobs(queues: Readonly<Record<QueueName, Queue>>): Promise<QueueCounts> {
  const entries = Object.entries(queues).map(async ([name, queue]) => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed', 'prioritized');
    const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
    return [name, { waiting: waiting + prioritized, active, delayed, failed }] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as QueueCounts;
}
