import { CATALOGUE, JOB_NAMES, type JobName, type QueueName } from './catalogue.ts';
import type { RedisClient } from './connection.ts';
import { RESULTS, type ResultOf } from './results.ts';

/** A job that is done. It is gone from its queue, whose events tell of it for a while. */
export interface FinishedJob<Name extends JobName = JobName> {
  /** Of the event: unlike the job's own id it is never used again. */
  readonly eventId: string;
  readonly jobId: string;
  readonly name: Name;
  /** Undefined: of no pod. */
  readonly pod: string | undefined;
  /** In ms since 1970, by Redis's clock. */
  readonly finishedAt: number;
  /** Undefined: it told none, or none that fits the schema (a worker of another version). */
  readonly result: ResultOf<Name> | undefined;
}

/**
 * What was done lately, by BullMQ's own events: done jobs cannot be kept, because a pod's job has one id, and one that is kept would stand in the
 * way of the next. Nothing but people may depend on it: events are trimmed, to some 10,000 of a queue, and go with Redis.
 */
export interface FinishedJobs {
  /** The latest first; of so many events as are worth looking through. */
  recent(queue: QueueName): Promise<readonly FinishedJob[]>;
  /** Undefined: there is no such event any more, or it tells of something else. */
  find(queue: QueueName, eventId: string): Promise<FinishedJob | undefined>;
}

export interface FinishedJobsOptions {
  readonly client: RedisClient;
  /** `QUEUE_PREFIX`. */
  readonly prefix: string;
}

/** A job makes some four events. */
const LOOKED_THROUGH = 2_000;

export function createFinishedJobs({ client, prefix }: FinishedJobsOptions): FinishedJobs {
  const stream = (queue: QueueName) => `${prefix}:${queue}:events`;
  return {
    recent: async (queue) => {
      const events = await client.xrevrange(stream(queue), '+', '-', 'COUNT', LOOKED_THROUGH);
      return events.map(([id, fields]) => finishedJob(queue, id, fields)).filter((job) => job !== undefined);
    },
    find: async (queue, eventId) => {
      if (!/^\d{1,20}-\d{1,20}$/.test(eventId)) return undefined;
      const [event] = await client.xrange(stream(queue), eventId, eventId);
      return event && finishedJob(queue, ...event);
    },
  };
}

function finishedJob(queue: QueueName, eventId: string, list: readonly string[]): FinishedJob | undefined {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(list[at] ?? '', list[at + 1] ?? '');
  const jobId = fields.get('jobId');
  const name = JOB_NAMES.find((each) => CATALOGUE[each].queue === queue);
  if (fields.get('event') !== 'completed' || jobId === undefined || name === undefined) return undefined;
  const isOfPod = CATALOGUE[name].id !== undefined && jobId.startsWith(`${name}-`);
  return {
    eventId,
    jobId,
    name,
    pod: isOfPod ? jobId.slice(name.length + 1) : undefined,
    finishedAt: Number(eventId.split('-', 1)[0]),
    result: RESULTS[name].safeParse(parsed(fields.get('returnvalue'))).data,
  };
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return undefined;
  }
}
