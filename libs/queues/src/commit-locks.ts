import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PRODUCER_TIMEOUT_MS, type QueueConnection, withinTimeout } from './connection.ts';
import { CommitLockError } from './errors.ts';

/** A pod's lock, as long as it lasts. */
export interface CommitLock {
  /**
   * Makes sure that the lock still is ours, and lets it begin anew.
   * @throws CommitLockError when it is not, RedisUnavailableError or another error when Redis is away
   */
  renew(): Promise<void>;
  /** For how many ms from now something may still be begun under it: half of it is left then for what was begun to arrive. */
  remainingMs(): number;
  /** Gives it back, if it still is ours. Never rejects. */
  release(): Promise<void>;
}

/**
 * Locks in Redis, one per pod, for commits to a store that does not honour conditional writes. A lock that is not given back runs
 * out by itself. Redis may forget it at any time, by a FLUSHALL or a failover: whoever holds one asks again (`renew`) right
 * before he acts, and what then happens within `remainingMs` is not fenced off by anything.
 */
export interface CommitLocks {
  /**
   * Waits until the pod's lock is free, and takes it. Rejects with the signal's reason when that aborts.
   * @throws CommitLockError when others keep it for too long, RedisUnavailableError or another error when Redis is away
   */
  acquire(pod: string, signal?: AbortSignal): Promise<CommitLock>;
}

export interface CommitLocksOptions {
  readonly connection: QueueConnection;
  /** `QUEUE_PREFIX`: workers at the same bucket must have the same. */
  readonly prefix: string;
  /** After how long without renewal Redis takes a lock for abandoned, in ms. */
  readonly leaseMs?: number;
  /** How long to wait for a lock, in ms: longer than `leaseMs`, so that one whose holder died is waited for. */
  readonly waitMs?: number;
}

/** Each of these compares the holder first, so that it may be repeated, and does nothing to a lock that is another's by now. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

export function createCommitLocks(options: CommitLocksOptions): CommitLocks {
  const { connection, prefix, leaseMs = 30_000, waitMs = 45_000 } = options;
  const run = async (script: string, ...args: (string | number)[]) => {
    const answer = connection.producer.eval(script, 1, ...args);
    return (await withinTimeout(answer, { timeoutMs: PRODUCER_TIMEOUT_MS })) === 1;
  };

  return {
    acquire: async (pod, signal) => {
      const key = `${prefix}:commit-lock:${pod}`;
      const token = randomUUID();
      const giveUpAt = performance.now() + waitMs;
      // Counted from before the question: Redis began to count after it.
      let begunAt = performance.now();
      while (!(await run(TAKE, key, token, leaseMs))) {
        if (performance.now() >= giveUpAt) throw new CommitLockError(`others kept the lock of ${pod} for ${waitMs} ms`);
        // At random, so that those who wait do not meet again.
        await delay(20 + Math.random() * 80, undefined, signal && { signal }).catch(() => undefined);
        signal?.throwIfAborted();
        begunAt = performance.now();
      }
      return {
        renew: async () => {
          const askedAt = performance.now();
          if (!(await run(RENEW, key, token, leaseMs))) throw new CommitLockError(`the lock of ${pod} was lost`);
          begunAt = askedAt;
        },
        remainingMs: () => begunAt + leaseMs / 2 - performance.now(),
        release: async () => {
          await run(RELEASE, key, token).catch(() => undefined);
        },
      };
    },
  };
}
