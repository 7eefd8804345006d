import type { DefaultJobOptions } from 'bullmq';
import { z } from 'zod';
import { PayloadError } from './errors.ts';

/** Queues in Redis, below the queue prefix. */
export const QUEUE_NAMES = ['scan', 'compaction', 'cleanup', 'sweep'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/**
 * A pod's name in a payload. Wider than what Kubernetes takes, because the names come from keys in a bucket;
 * but nothing that would break an id in Redis or a key in the bucket.
 */
const podName = z.string().regex(/^[^\s:/_\p{Cc}]{1,253}$/u, 'must be a pod name');
const podPayload = z.object({
  pod: podName,
  /** How many jobs of the pod were kept as failed just before this one: each makes the next wait longer. */
  failures: z.number().int().positive().optional(),
});

/**
 * Kept so that operators see them; `releaseFailed` takes them up again long before that. As many as there may be pods in trouble at once: what is
 * not kept is tried again with every scan. A job takes some 1 KB of Redis.
 */
const KEEP_FAILED = { count: 50_000, age: 7 * 24 * 3_600 };

interface JobDefinition<Payload> {
  readonly queue: QueueName;
  readonly payload: z.ZodType<Payload>;
  /** One job at most per id. Ids of BullMQ may hold no `:` and must not be digits alone. */
  readonly id?: (payload: Payload) => string;
  readonly options: DefaultJobOptions;
}

function defineJob<Payload>(definition: JobDefinition<Payload>): JobDefinition<Payload> {
  return definition;
}

/** Every job there is, by name. */
export const CATALOGUE = {
  /** Lists the bucket and enqueues pods that are due. Comes from a job scheduler, one at a time in all replicas. */
  scan: defineJob({
    queue: 'scan',
    payload: z.object({}),
    // The next one comes anyway.
    options: { attempts: 1, removeOnComplete: true, removeOnFail: { count: 100, age: 24 * 3_600 } },
  }),
  /** Cleans and merges one pod. */
  compact: defineJob({
    queue: 'compaction',
    payload: podPayload,
    id: ({ pod }) => `compact-${pod}`,
    options: {
      attempts: 6,
      // 5 s, 10 s, … 80 s, the later half of it at random, so that jobs that failed together do not return together.
      backoff: { type: 'exponential', delay: 5_000, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: KEEP_FAILED,
    },
  }),
  /** Deletes of one pod what is due for deletion. */
  clean: defineJob({
    queue: 'cleanup',
    payload: podPayload,
    id: ({ pod }) => `clean-${pod}`,
    options: {
      attempts: 6,
      backoff: { type: 'exponential', delay: 5_000, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: KEEP_FAILED,
    },
  }),
  /** Lists all metadata and enqueues cleanings of pods that no queue may know of. Comes from a job scheduler, one at a time in all replicas. */
  sweep: defineJob({
    queue: 'sweep',
    payload: z.object({}),
    // The next one may be a day away.
    options: {
      attempts: 4,
      backoff: { type: 'exponential', delay: 60_000, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: { count: 100, age: 7 * 24 * 3_600 },
    },
  }),
} as const;

/** Jobs that come in a rhythm, from job schedulers; each has its queue for itself. */
export type ScheduledJob = 'scan' | 'sweep';

export type JobName = keyof typeof CATALOGUE;
export type PayloadOf<Name extends JobName> = z.output<(typeof CATALOGUE)[Name]['payload']>;

export const JOB_NAMES = Object.keys(CATALOGUE) as JobName[];

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(CATALOGUE, name);
}

/** @throws PayloadError when it does not fit the job's schema */
export function parsePayload<Name extends JobName>(name: Name, data: unknown): PayloadOf<Name> {
  const result = CATALOGUE[name].payload.safeParse(data);
  // The schema was looked up by the same name as the type.
  if (result.success) return result.data as PayloadOf<Name>;
  throw new PayloadError(`Payload of the job ${name}: ${z.prettifyError(result.error)}`);
}

/** The id of the job for a pod. */
export function podJobId(name: 'compact' | 'clean', pod: string): string {
  return `${name}-${pod}`;
}
