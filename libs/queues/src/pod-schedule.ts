import { PRODUCER_TIMEOUT_MS, type QueueConnection, type RedisClient, withinTimeout } from './connection.ts';

/**
 * What Redis remembers of when a pod is next due. It may forget anything at any time (I6): a pod it does not know is due,
 * the job looks at the bucket and decides anew.
 */
export interface PodSchedule {
  /** Those of the pods that are due, in the order given. @throws Error when Redis is away */
  dueAmong(pods: readonly string[]): Promise<string[]>;
  /** Remembers that the pod is not due for so long, in ms. @throws Error when Redis is away */
  decided(pod: string, nextDueInMs: number): Promise<void>;
}

export interface PodScheduleOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`. Its hash tag lets one command ask for many pods in a Cluster too. */
  readonly prefix: string;
}

/** Pods per command, so that no single one keeps Redis busy. */
const CHUNK = 1_000;

export function createPodSchedule({ connection, prefix }: PodScheduleOptions): PodSchedule {
  const client: RedisClient = connection.producer;
  const keyOf = (pod: string) => `${prefix}:pod-rests:${pod}`;
  return {
    dueAmong: async (pods) => {
      const due: string[] = [];
      // One chunk after the other: a hundred thousand pods must not fill the connection's buffers.
      for (let start = 0; start < pods.length; start += CHUNK) {
        const chunk = pods.slice(start, start + CHUNK);
        const rests = await withinTimeout(client.mget(chunk.map(keyOf)), { timeoutMs: PRODUCER_TIMEOUT_MS });
        due.push(...chunk.filter((_pod, index) => rests[index] === null));
      }
      return due;
    },
    decided: async (pod, nextDueInMs) => {
      const ms = Math.ceil(nextDueInMs);
      const answer: Promise<unknown> = ms > 0 ? client.set(keyOf(pod), '1', 'PX', ms) : client.unlink(keyOf(pod));
      await withinTimeout(answer, { timeoutMs: PRODUCER_TIMEOUT_MS });
    },
  };
}
