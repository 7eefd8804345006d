import type { Job, Queue } from 'bullmq';
import { PayloadError } from './errors.ts';

export interface ReleaseOptions {
  /** Jobs that failed before this, in ms since 1970. */
  readonly before: number;
  readonly limit: number;
  readonly guard: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Replaces jobs that are kept as failed by new ones, which `addAgain` makes of their data. A new job and not a retry of the old one:
 * BullMQ's count of how often a job has stalled cannot be reset.
 */
export async function releaseFailedJobs(
  queue: Queue,
  { before, limit, guard }: ReleaseOptions,
  addAgain: (data: unknown) => Promise<void>,
): Promise<{ released: number; removed: number }> {
  // The longest failed come first. One may have been evicted meanwhile, which BullMQ's types do not say.
  const jobs = (await guard(() => queue.getJobs(['failed'], 0, limit - 1, true))) as (Job<unknown> | undefined)[];
  let released = 0;
  let removed = 0;
  for (const job of jobs) {
    if (job?.finishedOn === undefined || job.finishedOn >= before) continue;
    await guard(() => job.remove());
    try {
      await guard(() => addAgain(job.data));
      released++;
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      removed++;
    }
  }
  return { released, removed };
}
