import { type Fields, type Logger, type Metrics, toError } from '@cordwood/service';
import { failureOf } from './failure.ts';
import { tallyRequests } from './requests.ts';

/** A job on one pod, as a queue hands it out. */
export interface PodJob {
  readonly pod: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs work on a pod: one flat log line with all its figures, and metrics. What the work throws is thrown on. */
export type PodWork<Result> = (job: PodJob, work: () => Promise<Result>) => Promise<Result>;

export interface PodWorkOptions<Result> {
  readonly metrics: Metrics;
  /** `compaction` or `cleanup`: part of the metrics' names. */
  readonly name: string;
  /** The log line's message when all went well. */
  readonly message: string;
  /** A word for how it went, for metrics; failures have words of their own. */
  readonly outcome: (result: Result) => string;
  readonly fields: (result: Result) => Fields;
}

export function createPodWork<Result>(options: PodWorkOptions<Result>): PodWork<Result> {
  const { metrics, name, message, outcome, fields } = options;
  const ended = metrics.counter({
    name: `cordwood_${name}s_total`,
    help: `Each ${name} of a pod, by how it ended.`,
    labels: ['result'],
  });
  const seconds = metrics.histogram({
    name: `cordwood_${name}_duration_seconds`,
    help: `Time that a ${name} of a pod took.`,
    labels: ['result'],
  });

  return async ({ pod, log, signal }, work) => {
    const startedAt = performance.now();
    const requests = new Map<string, number>();
    const finish = (result: string): Fields => {
      const durationMs = Math.round(performance.now() - startedAt);
      ended.inc({ result });
      seconds.observe({ result }, durationMs / 1_000);
      const byOperation = Array.from(requests, ([operation, count]) => [`s3${operation}`, count] as const);
      const s3Requests = byOperation.reduce((sum, [, count]) => sum + count, 0);
      return { pod, result, durationMs, s3Requests, ...Object.fromEntries(byOperation) };
    };
    try {
      const result = await tallyRequests(requests, work);
      const common = finish(outcome(result));
      log.info(message, { ...common, ...fields(result) });
      return result;
    } catch (thrown) {
      const error = toError(thrown);
      const failure = failureOf(error);
      // The process stops, or another worker has the job: no fault of the pod or the store.
      const gaveUp = signal.aborted;
      const common = finish(gaveUp ? 'aborted' : failure);
      if (gaveUp) log.info(`${name} given up`, { ...common, reason: toError(signal.reason).message });
      // What another try alone will not mend wants somebody's attention.
      else if (failure === 'unavailable' || failure === 'commit_lost') log.warn(`${name} failed`, { ...common, error });
      else log.error(`${name} failed`, { ...common, error });
      throw error;
    }
  };
}
