import { ErrorCode, type Job, type Queue } from 'bullmq';
import type { RedisClient } from './connection.ts';

/**
 * Ms since 1970 by Redis's clock. BullMQ delays jobs by the clock of whoever adds or moves them, and lets them go by that of whoever
 * takes them; clocks of nodes may be hours apart. So what must not wait for hours goes by the one clock that all share.
 */
export async function redisNow(client: RedisClient): Promise<number> {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** A delayed job that was to wait no longer than the pauses between tries lead to, and is due later than that: in ms. */
const STRAYED_MS = 5 * 60_000;
/** BullMQ's score of a delayed job: its time in ms, shifted, and a counter. */
const SCORE_PER_MS = 0x1000;
const PROMOTE_LIMIT = 1_000;

/**
 * Lets delayed jobs go that a wrong clock holds back: those that are due, which workers whose clocks are behind do not see, and those that a
 * clock that was ahead has put far off. For queues whose jobs are delayed by retries alone.
 */
export async function promoteStrayed(queue: Queue, client: RedisClient): Promise<void> {
  const key = queue.toKey('delayed');
  const { due, beyond } = await bounds(client);
  const ids = [
    ...(await client.zrangebyscore(key, '-inf', String(due), 'LIMIT', 0, PROMOTE_LIMIT)),
    ...(await client.zrangebyscore(key, String(beyond), '+inf', 'LIMIT', 0, PROMOTE_LIMIT)),
  ];
  for (const id of ids) await promote(queue, id);
}

/** The same for one job that should run now; one that only waits for its next try is left as it is. */
export async function promoteIfStrayed(queue: Queue, client: RedisClient, id: string): Promise<void> {
  const score = await client.zscore(queue.toKey('delayed'), id);
  if (score === null) return;
  const { due, beyond } = await bounds(client);
  if (Number(score) <= due || Number(score) >= beyond) await promote(queue, id);
}

/** Scores up to which jobs are due, and from which on no retry is as late. */
async function bounds(client: RedisClient): Promise<{ readonly due: number; readonly beyond: number }> {
  const now = await redisNow(client);
  return { due: now * SCORE_PER_MS, beyond: (now + STRAYED_MS) * SCORE_PER_MS };
}

async function promote(queue: Queue, id: string): Promise<void> {
  const job = (await queue.getJob(id)) as Job | undefined;
  try {
    await job?.promote();
  } catch (error) {
    if (!isNoLongerDelayed(error)) throw error;
  }
}

/** The job waits for a worker already, runs, is kept as failed, or has ended just now. */
export function isNoLongerDelayed(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === ErrorCode.JobNotInState || code === ErrorCode.JobNotExist;
}
