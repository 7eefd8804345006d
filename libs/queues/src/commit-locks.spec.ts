import { setTimeout as delay } from 'node:timers/promises';
import { type PrivateRedis, startPrivateRedis } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type CommitLocksOptions, createCommitLocks } from './commit-locks.ts';
import { CommitLockError } from './errors.ts';
import { createFixture, type Fixture } from './fixture.ts';

let redis: PrivateRedis;
let fixture: Fixture;
let admin: Redis;
beforeEach(async () => {
  redis = await startPrivateRedis();
  fixture = createFixture(redis.url, '{locks}');
  admin = new Redis(redis.url);
  admin.on('error', () => undefined);
});
afterEach(async () => {
  admin.disconnect();
  await fixture.close();
  await redis.dispose();
});

const KEY = '{locks}:commit-lock:p';
const locks = (options: Partial<CommitLocksOptions> = {}) => createCommitLocks({ ...fixture, ...options });

test('of many contenders one at a time has the lock of a pod; other pods go on meanwhile', async () => {
  let inside = 0;
  let most = 0;
  const contend = async () => {
    const lock = await locks().acquire('p');
    most = Math.max(most, ++inside);
    await lock.renew();
    await delay(5);
    inside--;
    await lock.release();
  };
  const held = await locks().acquire('other');
  await Promise.all(Array.from({ length: 8 }, contend));
  expect(most).toBe(1);
  await held.release();
  expect(await admin.keys('*')).toEqual([]);
});

test('a lock says for how long it may be relied upon: half of what it lasts', async () => {
  const lock = await locks().acquire('p');
  expect(lock.remainingMs()).toBeGreaterThan(0);
  expect(lock.remainingMs()).toBeLessThanOrEqual(15_000);
  const ttl = await admin.pttl(KEY);
  expect(ttl).toBeGreaterThan(15_000);
  expect(ttl).toBeLessThanOrEqual(30_000);
  await admin.pexpire(KEY, 14_000);
  await lock.renew();
  expect(await admin.pttl(KEY)).toBeGreaterThan(15_000);
});

test('a lock that is not given back runs out; whoever had it finds out, and does nothing to the next one', async () => {
  const frozen = await locks({ leaseMs: 200 }).acquire('p');
  const next = await locks().acquire('p');
  expect(frozen.remainingMs()).toBeLessThanOrEqual(0);
  await expect(frozen.renew()).rejects.toThrow(CommitLockError);
  await frozen.release();
  expect(await admin.exists(KEY)).toBe(1);
  await next.renew();
});

test('others that keep a lock are not waited for without end', async () => {
  const lock = await locks().acquire('p');
  await expect(locks({ waitMs: 100 }).acquire('p')).rejects.toThrow(CommitLockError);
  const stopping = new AbortController();
  const waiting = locks().acquire('p', stopping.signal);
  stopping.abort(new Error('the process stops'));
  await expect(waiting).rejects.toThrow('the process stops');
  await lock.renew();
});

test('a flushed lock is lost', async () => {
  const lock = await locks().acquire('p');
  await admin.flushall();
  await expect(lock.renew()).rejects.toThrow(CommitLockError);
  const next = await locks().acquire('p');
  await expect(lock.renew()).rejects.toThrow(CommitLockError);
  await next.renew();
});

test('while Redis is away there are no locks, and none is kept; giving back never fails', async () => {
  const lock = await locks().acquire('p');
  await redis.kill();
  await expect(lock.renew()).rejects.toThrow();
  await expect(locks().acquire('q')).rejects.toThrow();
  await lock.release();
  await redis.start({ empty: true });
  const ready = async () => {
    for (;;) {
      const again = await locks()
        .acquire('p')
        .catch(() => undefined);
      if (again !== undefined) return again;
      await delay(50);
    }
  };
  await (await ready()).renew();
  await expect(lock.renew()).rejects.toThrow(CommitLockError);
});
