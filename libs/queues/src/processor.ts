import { type Logger, type Metrics, toError } from '@cordwood/service';
import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { CATALOGUE, JOB_NAMES, type JobName, type PayloadOf, isJobName, parsePayload } from './catalogue.ts';
import type { CleanupRequests } from './cleanup-requests.ts';
import { JobLockLostError, PayloadError, PermanentJobError, WorkerStoppingError } from './errors.ts';
import type { JobSubject, WorkOf } from './results.ts';
import type { RunningJobs } from './running-jobs.ts';

/** What a handler gets besides the payload. */
export interface JobContext {
  /** Aborts when the process stops and its time is over, or when the job's lock is lost (the reason is a JobLockLostError). */
  readonly signal: AbortSignal;
  /** Adds queue, job, jobId and attempt to every line. */
  readonly log: Logger;
  readonly jobId: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Tells what the job is about as soon as it is known; the last word counts, and is kept with the job if it fails. It costs nothing until then. */
  readonly isAbout: (subject: JobSubject) => void;
}

/** What a handler has to tell. */
export interface JobOutcome<Name extends JobName = JobName> {
  /** What was done, for people. */
  readonly result?: WorkOf<Name>;
  /** Ask to run again, in so many ms, instead of being done. */
  readonly againInMs?: number | undefined;
}

/**
 * Does a job. Throw PermanentJobError when another try will not help; anything else is tried again with growing pauses.
 * One log line for a finished job is the handler's business.
 */
export type Handler<Name extends JobName> = (
  payload: PayloadOf<Name>,
  context: JobContext,
) => Promise<JobOutcome<Name> | undefined> | Promise<void>;

export type Handlers = { readonly [Name in JobName]?: Handler<Name> };

export interface ProcessorOptions {
  readonly handlers: Handlers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly running: RunningJobs;
  /** Only where `clean` is handled. */
  readonly cleanups?: CleanupRequests | undefined;
}

/** How a job ended, in metrics. `returned`: put back because the process stops. `lost`: another worker may have it. */
const ENDINGS = ['done', 'again', 'failed', 'permanent', 'returned', 'lost'] as const;
type Result = (typeof ENDINGS)[number];

/** The function that BullMQ calls for every job. */
export function createProcessor({ handlers, logger, metrics, running, cleanups }: ProcessorOptions) {
  const ended = metrics.counter({
    name: 'cordwood_jobs_total',
    help: 'Jobs ended, by how: done, again, failed, permanent, returned, lost.',
    labels: ['queue', 'job', 'result'],
  });
  const active = metrics.gauge({ name: 'cordwood_jobs_running', help: 'Jobs being worked on.', labels: ['queue'] });
  // From the first scrape on: a series that begins with its first event hides it from `increase()`.
  for (const job of JOB_NAMES.filter((name) => handlers[name])) {
    const { queue } = CATALOGUE[job];
    for (const result of ENDINGS) ended.inc({ queue, job, result }, 0);
    active.set({ queue }, 0);
  }

  return async function processJob(job: Job<unknown>, token?: string): Promise<unknown> {
    const { name, queueName: queue } = job;
    const startedAt = performance.now();
    const count = (result: Result) => {
      // A job's name comes from Redis: only those of the catalogue may become labels.
      ended.inc({ queue, job: isJobName(name) ? name : 'unknown', result });
    };
    const jobId = job.id ?? '';
    const attempt = job.attemptsMade + 1;
    const log = logger.child({ queue, job: name, jobId, attempt });
    let subject: JobSubject | undefined;
    const isAbout = (told: JobSubject) => void (subject = told);
    const pod = cleanupPod(job);

    active.inc({ queue });
    try {
      const done = await running.run(job, token, async (signal) => {
        if (pod !== undefined) await cleanups?.started(pod);
        let outcome: JobOutcome | undefined;
        try {
          outcome = await callHandler(handlers, job, { signal, log, jobId, attempt, isAbout });
        } catch (thrown) {
          throw await afterFailure(toError(thrown), signal);
        }
        const result = outcome?.result && {
          durationMs: Math.round(performance.now() - startedAt),
          ...outcome.result,
        };
        if (outcome?.againInMs === undefined) return result;
        // It is not done, so it can return nothing.
        if (result) await job.updateProgress(result);
        await runAgain(outcome.againInMs);
        throw new DelayedError();
      });
      count('done');
      return done;
    } catch (error) {
      count(resultOf(error));
      throw error;
    } finally {
      active.dec({ queue });
    }

    async function runAgain(inMs: number): Promise<void> {
      if (cleanups && pod !== undefined) {
        await job.moveToDelayed(Date.now() + (await cleanups.again(pod, inMs)), token);
        // Only now can no request be swallowed any more by the job being active.
        await cleanups.ended(pod);
      } else {
        await job.moveToDelayed(Date.now() + inMs, token);
      }
    }

    /** Sees to the job, and gives the error that tells BullMQ. */
    async function afterFailure(error: Error, signal: AbortSignal): Promise<Error> {
      const reason: unknown = signal.aborted ? signal.reason : undefined;
      if (reason instanceof WorkerStoppingError) {
        // Neither its failure nor its time: another worker takes it up at once.
        await job.moveToWait(token);
        return new WaitingError();
      }
      if (reason instanceof JobLockLostError) {
        log.warn('job lost its lock and gave up', { error });
        return reason;
      }
      if (pod !== undefined) await cleanups?.failed(pod);
      // People can do without it: the failure counts.
      if (subject)
        await job.updateProgress(subject).catch((cause: unknown) => log.debug('subject not kept', { cause }));
      if (!(error instanceof PermanentJobError) && !(error instanceof PayloadError)) return error;
      log.error('job failed for good', { error });
      const permanent = new UnrecoverableError(error.message);
      permanent.cause = error;
      return permanent;
    }
  };
}

/** @throws PayloadError, PermanentJobError or whatever the handler throws */
async function callHandler(
  handlers: Handlers,
  job: Job<unknown>,
  context: JobContext,
): Promise<JobOutcome | undefined> {
  const { name, queueName, data } = job;
  if (!isJobName(name) || CATALOGUE[name].queue !== queueName || !handlers[name]) {
    throw new PermanentJobError(`No handler for the job ${name} of the queue ${queueName}`);
  }
  return (await call(name, handlers, data, context)) ?? undefined;
}

/** Generic in the name, so that the compiler sees payload and handler belong together. */
function call<Name extends JobName>(
  name: Name,
  handlers: { readonly [N in Name]?: Handler<N> },
  data: unknown,
  context: JobContext,
) {
  return handlers[name]?.(parsePayload(name, data), context);
}

/** The pod of a cleanup; undefined for other jobs, and for a payload that its handler will never see. */
function cleanupPod({ name, data }: Job<unknown>): string | undefined {
  if (name !== 'clean') return undefined;
  const { success, data: payload } = CATALOGUE.clean.payload.safeParse(data);
  return success ? payload.pod : undefined;
}

function resultOf(error: unknown): Result {
  if (error instanceof DelayedError) return 'again';
  if (error instanceof WaitingError) return 'returned';
  if (error instanceof JobLockLostError) return 'lost';
  return error instanceof UnrecoverableError ? 'permanent' : 'failed';
}
