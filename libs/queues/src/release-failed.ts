import type { Job, Queue } from 'bullmq';
import { CATALOGUE } from './catalogue.ts';

/** A pod's job that is kept as failed. Until it is released, or retried by somebody, the pod gets no other. */
export interface FailedJob {
  readonly pod: string;
  /** Message of the last error. */
  readonly reason: string;
  /** In ms since 1970, by the clock of the worker that it failed on. */
  readonly failedAt: number;
  /** From when on `releaseFailed` takes it up again. */
  readonly releaseAt: number;
  /** How many jobs of the pod, this one included, have been kept as failed one after the other. */
  readonly failures: number;
}

/** How far clocks of workers may be ahead of Redis's, in ms. */
const AHEAD_MS = 60_000;
/** The longest wait that doubling leads to, in ms. */
const LONGEST_DOUBLED_MS = 3_600_000;

/**
 * How long a job is kept before it is released: `firstMs` after the first failure and twice as long after each further one, up to an hour
 * (or `firstMs`, where that is longer). So short intervals make no hot loop of what fails every time.
 */
export function keptForMs(firstMs: number, failures: number): number {
  return Math.max(firstMs, Math.min(firstMs * 2 ** (failures - 1), LONGEST_DOUBLED_MS));
}

/** What is known of the jobs with these ids that are kept as failed; of the others, and of jobs of no pod, nothing. */
export async function failedJobs(queue: Queue, ids: readonly string[], firstMs: number): Promise<FailedJob[]> {
  const jobs = (await Promise.all(ids.map((id) => queue.getJob(id)))) as (Job<unknown> | undefined)[];
  const found = jobs.filter(isKeptAsFailed).map((job) => asFailedJob(job, firstMs));
  return found.filter((job) => job !== undefined);
}

export interface ReleaseOptions {
  /** As of {@link keptForMs}. */
  readonly firstMs: number;
  /** Jobs that are looked at, and jobs that are released at once: what failed together is not to come back together. */
  readonly lookAt: number;
  readonly limit: number;
  /** Redis's clock. */
  readonly now: number;
  readonly guard: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * Replaces jobs that have been kept as failed for long enough by new ones, which `addAgain` makes; gives their pods. A new job and not a
 * retry of the old one: BullMQ's count of how often a job has stalled cannot be reset. Jobs of no pod are removed.
 */
export async function releaseFailedJobs(
  queue: Queue,
  { firstMs, lookAt, limit, now, guard }: ReleaseOptions,
  addAgain: (payload: { readonly pod: string; readonly failures: number }) => Promise<void>,
): Promise<{ released: string[]; removed: number }> {
  const released: string[] = [];
  let removed = 0;
  const jobs = await guard(() => queue.getJobs(['failed'], 0, lookAt - 1, true));
  for (const job of jobs.filter(isKeptAsFailed)) {
    const failed = asFailedJob(job, firstMs);
    const releaseAt = failed?.releaseAt ?? (job.finishedOn ?? 0) + firstMs;
    // What failed in the future did so by a clock that is ahead, which tells nothing.
    if (releaseAt > now && (job.finishedOn ?? 0) < now + AHEAD_MS) continue;
    if (released.length + removed >= limit) break;
    await guard(() => job.remove());
    if (failed === undefined) removed++;
    else {
      await guard(() => addAgain({ pod: failed.pod, failures: failed.failures }));
      released.push(failed.pod);
    }
  }
  return { released, removed };
}

/** One may have been evicted meanwhile, which BullMQ's types do not say, or be at work again. */
const isKeptAsFailed = (job: Job<unknown> | undefined): job is Job<unknown> => job?.finishedOn !== undefined;

function asFailedJob({ data, failedReason, finishedOn = 0 }: Job<unknown>, firstMs: number): FailedJob | undefined {
  // `clean` has the same. A payload that does not fit may be why the job failed.
  const { data: payload } = CATALOGUE.compact.payload.safeParse(data);
  if (payload === undefined) return undefined;
  const failures = (payload.failures ?? 0) + 1;
  return {
    pod: payload.pod,
    reason: failedReason,
    failedAt: finishedOn,
    releaseAt: finishedOn + keptForMs(firstMs, failures),
    failures,
  };
}
