import { type HealthCheck, type Logger, toError } from '@cordwood/service';
import { Queue, isNotConnectionError } from 'bullmq';
import { CATALOGUE, type QueueName, parsePayload, podJobId } from './catalogue.ts';
import { createCleanupRequests } from './cleanup-requests.ts';
import { PRODUCER_TIMEOUT_MS, type QueueConnection, withinTimeout } from './connection.ts';
import { PayloadError } from './errors.ts';
import { releaseFailedJobs } from './release-failed.ts';
import { type ScanSchedule, createScanSchedule } from './scan-schedule.ts';

export type JobState = 'waiting' | 'active' | 'delayed' | 'failed';
export type QueueCounts = Readonly<Record<QueueName, Readonly<Record<JobState, number>>>>;

/** What apps ask of the queues. Everything rejects within seconds while Redis is away, and is safe to ask again. */
export interface Queues {
  /**
   * Makes a scan job come every so many ms, however many replicas ask for it, and one at a time. The latest interval counts.
   * From then on, until `close`, looks that the schedule is still in Redis, and puts it back when not.
   */
  scheduleScan(everyMs: number): Promise<void>;
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
  /**
   * Takes up to `limit` compaction and cleanup jobs each that failed longer ago than `olderThanMs` and makes new ones of them,
   * so that a job that is kept as failed does not block its pod for ever. Jobs with a bad payload are removed.
   */
  releaseFailed(olderThanMs: number, limit?: number): Promise<{ readonly released: number; readonly removed: number }>;
  counts(): Promise<QueueCounts>;
  /** A readiness check: the queues can be written to. */
  readonly check: HealthCheck;
  close(): Promise<void>;
}

export interface CreateQueuesOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
  readonly logger: Logger;
  /** How often the scan's schedule is looked after, in ms. */
  readonly scheduleCheckMs?: number;
}

/** Jobs per command when many are added. */
const CHUNK = 500;

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
  };
  const requests = createCleanupRequests({ queue: queues.cleanup, client: connection.producer, prefix });
  let schedule: ScanSchedule | undefined;
  let closed = false;

  /** BullMQ's own calls wait for a connection without end; a producer must not. */
  const guard = async <T>(work: () => Promise<T>, timeoutMs = PRODUCER_TIMEOUT_MS): Promise<T> => {
    const ready = Promise.all(Object.values(queues).map((queue) => queue.waitUntilReady()));
    await withinTimeout(ready, { timeoutMs: PRODUCER_TIMEOUT_MS });
    return withinTimeout(work(), { timeoutMs });
  };

  const enqueueCompactions: Queues['enqueueCompactions'] = async (pods) => {
    const good = pods.filter((pod) => isPayload(pod));
    for (let start = 0; start < good.length; start += CHUNK) {
      const jobs = good.slice(start, start + CHUNK).map((pod) => ({
        name: 'compact',
        data: { pod },
        opts: { ...CATALOGUE.compact.options, jobId: podJobId('compact', pod) },
      }));
      await guard(() => queues.compaction.addBulk(jobs));
    }
    return { refused: good.length === pods.length ? [] : pods.filter((pod) => !isPayload(pod)) };
  };

  return {
    scheduleScan: async (everyMs) => {
      schedule ??= createScanSchedule({ queue: queues.scan, logger, checkMs: scheduleCheckMs, guard });
      await schedule.set(everyMs);
    },
    enqueueCompactions,
    enqueueCleanup: async (pod, dueInMs) => {
      parsePayload('clean', { pod });
      await guard(() => requests.request(pod, dueInMs));
    },
    releaseFailed: async (olderThanMs, limit = 100) => {
      const before = Date.now() - olderThanMs;
      const compactions = await releaseFailedJobs(queues.compaction, { before, limit, guard }, async (data) => {
        const { pod } = parsePayload('compact', data);
        await queues.compaction.add('compact', { pod }, { jobId: podJobId('compact', pod) });
      });
      const cleanups = await releaseFailedJobs(queues.cleanup, { before, limit, guard }, async (data) => {
        const { pod } = parsePayload('clean', data);
        await requests.request(pod, 0);
      });
      return {
        released: compactions.released + cleanups.released,
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
      schedule?.stop();
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
