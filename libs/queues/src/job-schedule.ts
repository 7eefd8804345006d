import { type Logger, toError } from '@cordwood/service';
import type { Queue } from 'bullmq';
import { CATALOGUE, type ScheduledJob } from './catalogue.ts';
import type { RedisClient } from './connection.ts';
import { redisNow } from './redis-clock.ts';

/** The job scheduler of one job, and an eye on it. */
export interface JobSchedule {
  /** Writes the schedule, now and whenever it is found missing. */
  set(everyMs: number): Promise<void>;
  stop(): void;
}

export interface JobScheduleOptions {
  readonly job: ScheduledJob;
  /** The job's queue. */
  readonly queue: Queue;
  readonly client: RedisClient;
  readonly logger: Logger;
  /** How often to look, in ms. */
  readonly checkMs: number;
  readonly guard: <T>(work: () => Promise<T>) => Promise<T>;
}

/** How far from its time the next job may be before the schedule is written again, in ms. */
const LATE_MS = 60_000;

export function createJobSchedule({ job, queue, client, logger, checkMs, guard }: JobScheduleOptions): JobSchedule {
  let everyMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const write = async (every: number) => {
    // An upsert with the same interval keeps the time of the next job: any replica may do it at any time.
    await queue.upsertJobScheduler(job, { every }, { name: job, data: {}, opts: CATALOGUE[job].options });
    // One that takes longer than the interval must not be joined by the next one on another replica.
    await queue.setGlobalConcurrency(1);
  };
  const look = async (every: number) => {
    const known = await queue.getJobScheduler(job);
    // Redis was flushed, or lost the job that would have made the next one. Another interval is another replica's, and stands.
    // Or it is that of a process whose clock is ahead: nobody else would come to it for hours.
    const aheadMs = known && (known.next ?? 0) - (await redisNow(client));
    const mostMs = (known?.every ?? every) + LATE_MS;
    if (aheadMs !== undefined && Math.abs(aheadMs) < mostMs) return;
    logger.warn(`the ${job} schedule was gone from redis or far off, writing it again`, { everyMs: every, aheadMs });
    if (aheadMs !== undefined && aheadMs > 0) await queue.removeJobScheduler(job);
    await write(every);
  };
  const lookAgain = () => {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      const work = everyMs === undefined ? Promise.resolve() : guard(() => look(everyMs ?? 0));
      // While Redis is away there is nothing to be done, and the connection says so.
      work
        .catch((error: unknown) => logger.debug(`${job} schedule not checked`, { error: toError(error) }))
        .finally(lookAgain);
    }, checkMs);
    timer.unref();
  };

  return {
    set: async (every) => {
      everyMs = every;
      lookAgain();
      await guard(() => write(every));
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
