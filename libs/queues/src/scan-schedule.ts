import { type Logger, toError } from '@cordwood/service';
import type { Queue } from 'bullmq';
import { CATALOGUE } from './catalogue.ts';

/** The job scheduler of the scan, and an eye on it. */
export interface ScanSchedule {
  /** Writes the schedule, now and whenever it is found missing. */
  set(everyMs: number): Promise<void>;
  stop(): void;
}

export interface ScanScheduleOptions {
  readonly queue: Queue;
  readonly logger: Logger;
  /** How often to look, in ms. */
  readonly checkMs: number;
  readonly guard: <T>(work: () => Promise<T>) => Promise<T>;
}

const SCHEDULER_ID = 'scan';
/** How much later than its time the next scan may be before the schedule is written again, in ms. */
const LATE_MS = 60_000;

export function createScanSchedule({ queue, logger, checkMs, guard }: ScanScheduleOptions): ScanSchedule {
  let everyMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const write = async (every: number) => {
    // An upsert with the same interval keeps the time of the next scan: any replica may do it at any time.
    await queue.upsertJobScheduler(SCHEDULER_ID, { every }, { name: 'scan', data: {}, opts: CATALOGUE.scan.options });
    // A scan that takes longer than the interval must not be joined by the next one on another replica.
    await queue.setGlobalConcurrency(1);
  };
  const look = async (every: number) => {
    const known = await queue.getJobScheduler(SCHEDULER_ID);
    // Redis was flushed, or lost the job that would have made the next one. Another interval is another replica's, and stands.
    if (known && (known.next ?? 0) > Date.now() - (known.every ?? every) - LATE_MS) return;
    logger.warn('the scan schedule was gone from redis, writing it again', { everyMs: every });
    await write(every);
  };
  const lookAgain = () => {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      const work = everyMs === undefined ? Promise.resolve() : guard(() => look(everyMs ?? 0));
      // While Redis is away there is nothing to be done, and the connection says so.
      work
        .catch((error: unknown) => logger.debug('scan schedule not checked', { error: toError(error) }))
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
