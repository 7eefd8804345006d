import './lib/node-version.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { provideRedis } from './lib/redis.ts';

/** Runs Jest with a Redis: `npm test`, `npm test -- libs/queues`, `npm test -- -t 'merge'`. */
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
// Jest needs the flag to load ES modules; the warning that Node prints about it says nothing new.
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

const redis = await provideRedis();
try {
  const run = spawn(process.execPath, [...flags, jest, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, REDIS_URL: redis.url },
  });
  // Jest ends its workers itself; we stay until it has, so that Redis outlives the tests and not us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal));
  await once(run, 'exit');
  process.exitCode = run.exitCode ?? 1;
} finally {
  await redis.stop();
}
