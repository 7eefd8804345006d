import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { JobCounts, JobStatus, QueueAdapterOptions } from '@bull-board/api/typings/app';
import type { FinishedJob, FinishedJobs, JobName, QueueName } from '@cordwood/queues';
import { Job, type Queue } from 'bullmq';
import { type DescribableJob, describeJob, describeResult, logUrl } from './describe-job.ts';

export interface PodQueueAdapterOptions extends Partial<QueueAdapterOptions> {
  readonly queue: Queue;
  readonly name: QueueName;
  readonly job: JobName;
  readonly finished: FinishedJobs;
  /** READER_URL. */
  readonly readerUrl: string | undefined;
}

/** How long what was read of finished jobs stands, in ms: one look at a queue asks several times, and a look costs some 30 ms of CPU. */
const STANDS_MS = 2_000;

/**
 * A queue of the catalogue on the board. Jobs that are done are gone from the queue, as its next job of the pod must not be in their way: those that its
 * events still tell of are shown as completed.
 */
export class PodQueueAdapter extends BullMQAdapter {
  readonly #queue: Queue;
  readonly #name: QueueName;
  readonly #finished: FinishedJobs;
  #recent: { readonly at: number; readonly jobs: Promise<readonly FinishedJob[]> } | undefined;

  constructor({ queue, name, job, finished, readerUrl, ...options }: PodQueueAdapterOptions) {
    const all = {
      ...options,
      // What is done is gone: see below.
      allowCompletedRetries: false,
      externalJobUrl: (json: DescribableJob) => {
        const href = logUrl(readerUrl, job, json);
        // bull-board's type wants one of every job, its page does not.
        return (href === undefined ? undefined : { displayText: 'Log', href }) as { displayText: string; href: string };
      },
    };
    super(queue, all);
    this.#queue = queue;
    this.#name = name;
    this.#finished = finished;
    this.setFormatter('name', (json: DescribableJob) => describeJob(job, json));
    this.setFormatter('returnValue', (value) => describeResult(job, value));
    this.setFormatter('progress', (value) => describeResult(job, value));
  }

  override async getJobCounts(): Promise<JobCounts> {
    const [counts, finished] = await Promise.all([super.getJobCounts(), this.#lately()]);
    return { ...counts, completed: (counts.completed ?? 0) + finished.length };
  }

  override async getJobs(statuses: JobStatus[], start = 0, end = -1): Promise<Job[]> {
    const jobs = await super.getJobs(statuses, start, end);
    if (!statuses.includes('completed')) return jobs;
    const finished = await this.#lately();
    return [...jobs, ...finished.slice(start, end < 0 ? undefined : end + 1).map((job) => this.#asJob(job))];
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    if (job !== undefined) return job;
    const [, eventId] = /@(\d+-\d+)$/.exec(id) ?? [];
    const finished = eventId === undefined ? undefined : await this.#finished.find(this.#name, eventId);
    return finished && this.#asJob(finished);
  }

  #lately(): Promise<readonly FinishedJob[]> {
    const now = performance.now();
    if (this.#recent === undefined || now - this.#recent.at > STANDS_MS) {
      const jobs = this.#finished.recent(this.#name);
      this.#recent = { at: now, jobs };
      jobs.catch(() => (this.#recent = undefined));
    }
    return this.#recent.jobs;
  }

  /** It cannot be retried: the bucket knows better whether there is anything left to do. */
  #asJob({ jobId, eventId, name, pod, finishedAt, result }: FinishedJob): Job {
    const startedAt = finishedAt - (result?.durationMs ?? 0);
    const job = new Job(this.#queue, name, pod === undefined ? {} : { pod }, {}, `${jobId}@${eventId}`);
    job.timestamp = startedAt;
    job.processedOn = startedAt;
    job.finishedOn = finishedAt;
    job.returnvalue = result ?? null;
    job.attemptsMade = 1;
    job.getState = () => Promise.resolve('completed');
    return job;
  }
}
