import type { Queue } from 'bullmq';
import { podJobId } from './catalogue.ts';
import type { RedisClient } from './connection.ts';
import { isNoLongerDelayed, promoteIfStrayed, redisNow } from './redis-clock.ts';

/**
 * By when each pod wants its next cleaning: a sorted set beside the `cleanup` queue (pod → ms since 1970, Redis's clock).
 *
 * A pod has one job at most (its id sees to that), so a request that arrives while the job is *active* adds nothing, though the
 * job may have read the pod's metadata already and would end without having seen what the request is for. Hence every request is
 * written down here first; a job takes the pod out when it starts, before it reads; and when it has ended, what was written
 * meanwhile makes a new job. BullMQ's own deduplication cannot do that: a custom id is looked at before it, `keepLastIfActive` keeps
 * the latest request, not the earliest, and only until the job ends, which one that moves itself to delayed does not.
 *
 * If a worker is killed between the end of a job and that look, the entry becomes overdue, and `revive` finds it.
 */
export interface CleanupRequests {
  /** Makes sure that a job for the pod starts no later than in `dueInMs` (0: as soon as a worker is free), and after this call. */
  request(pod: string, dueInMs: number): Promise<void>;
  /** A job for the pod starts: what was asked for before now is its business. */
  started(pod: string): Promise<void>;
  /** A job for the pod failed and will be tried again, or is kept as failed: it still wants its cleaning. */
  failed(pod: string): Promise<void>;
  /** In how many ms a job that wants to run again in `dueInMs` must do so: then, or earlier if that was asked for meanwhile. */
  again(pod: string, dueInMs: number): Promise<number>;
  /** A job for the pod has ended: asks again for what was asked for meanwhile. */
  ended(pod: string): Promise<void>;
  /** Makes jobs for pods that are overdue and have none, or one that waits by a clock that is ahead. Gives the number looked at. */
  revive(): Promise<number>;
}

/** Overdue pods looked at by one `revive`, and the time until it looks at the same one again, in ms. */
const REVIVE_LIMIT = 1_000;
const REVIVE_AGAIN_MS = 5 * 60_000;

/** `queue` is the `cleanup` queue with the catalogue's options as its defaults. */
export function createCleanupRequests({
  queue,
  client,
  prefix,
}: {
  readonly queue: Queue;
  readonly client: RedisClient;
  readonly prefix: string;
}): CleanupRequests {
  const key = `${prefix}:cleanup-wanted`;

  const wantedAt = async (pod: string): Promise<number | undefined> => {
    const score = await client.zscore(key, pod);
    return score === null ? undefined : Number(score);
  };
  /** Writes the request down unless an earlier one stands; true when it now is the earliest. */
  const want = async (pod: string, at: number): Promise<boolean> => (await client.zadd(key, 'LT', 'CH', at, pod)) > 0;
  const add = (pod: string, delay: number) => queue.add('clean', { pod }, { jobId: podJobId('clean', pod), delay });
  const msUntil = async (at: number): Promise<number> => Math.max(0, at - (await redisNow(client)));

  /** The pod's job exists afterwards and, if it waits for its time, waits no longer than asked for. */
  const ensureJob = async (pod: string): Promise<void> => {
    let at = await wantedAt(pod);
    while (at !== undefined) {
      const job = await add(pod, await msUntil(at));
      try {
        await job.changeDelay(await msUntil(at));
      } catch (error) {
        // If it runs, it will look here when it ends.
        if (isNoLongerDelayed(error)) return;
        throw error;
      }
      // Somebody may have asked for an earlier time just now, and have changed the job before we did.
      const now = await wantedAt(pod);
      if (now === undefined || now >= at) return;
      at = now;
    }
  };

  return {
    request: async (pod, dueInMs) => {
      const at = Math.ceil((await redisNow(client)) + dueInMs);
      if (await want(pod, at)) await ensureJob(pod);
      // An earlier request stands, and the job with it, if Redis lost nothing. A job that exists is left as it is.
      else await add(pod, await msUntil(at));
    },
    started: async (pod) => {
      await client.zrem(key, pod);
    },
    failed: async (pod) => {
      await want(pod, await redisNow(client));
    },
    again: async (pod, dueInMs) => {
      const at = Math.ceil((await redisNow(client)) + dueInMs);
      await want(pod, at);
      return msUntil((await wantedAt(pod)) ?? at);
    },
    ended: ensureJob,
    revive: async () => {
      const now = await redisNow(client);
      const pods = await client.zrangebyscore(key, '-inf', now, 'LIMIT', 0, REVIVE_LIMIT);
      for (const pod of pods) {
        await add(pod, 0);
        await promoteIfStrayed(queue, client, podJobId('clean', pod));
        // Behind the others, so that pods whose job waits, or is kept as failed, do not stand in the way.
        await client.zadd(key, 'XX', 'GT', now + REVIVE_AGAIN_MS, pod);
      }
      return pods.length;
    },
  };
}
