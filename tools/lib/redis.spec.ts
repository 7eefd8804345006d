import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answersPing, provideRedis } from './redis.ts';

const { REDIS_URL: _, ...without } = process.env;

const answers = ({ url }: { url: string }) => answersPing(Number(new URL(url).port));

test('REDIS_URL names the Redis to use, and it is left running', async () => {
  const redis = await provideRedis({ REDIS_URL: 'redis://redis.example:1' });
  expect(redis.url).toBe('redis://redis.example:1');
  await redis.stop();
});

test('without REDIS_URL each caller gets a private Redis, which stop() ends', async () => {
  const [one, other] = await Promise.all([provideRedis(without), provideRedis(without)]);
  expect(one.url).not.toBe(other.url);
  expect(await answers(one)).toBe(true);
  expect(await answers(other)).toBe(true);
  await Promise.all([one.stop(), other.stop()]);
  expect(await answers(one)).toBe(false);
});

test('the private Redis ends with its owner, even when that is killed', async () => {
  const code = `
    import { provideRedis } from ${JSON.stringify(join(import.meta.dirname, 'redis.ts'))};
    process.stdout.write((await provideRedis()).url);
    setInterval(() => {}, 1000);`;
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-redis-spec-'));
  const owner = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...without, TMPDIR: dir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(owner.stdout, 'data')) as [Buffer];
  const redis = { url: url.toString() };
  expect(await answers(redis)).toBe(true);

  owner.kill('SIGKILL');
  await once(owner.stdout.resume(), 'close');
  // The kernel ends it at once, though not before we look; if it did not, this would run into the test's timeout.
  while (await answers(redis)) continue;
  await rm(dir, { recursive: true });
});
