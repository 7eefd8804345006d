import { afterEach, expect, jest, test } from '@jest/globals';
import type { Logger } from './logger.ts';
import { type ShutdownGroup, createShutdown } from './shutdown.ts';

function setup(timeoutMs = 10_000) {
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const logger: Logger = { error: log, warn: log, info: log, debug: log, child: () => logger };
  const done: string[] = [];
  const shutdown = createShutdown({ timeoutMs, logger });
  const add = (group: ShutdownGroup, name: string, run?: () => Promise<void>) =>
    shutdown.add({ name, group, run: run ?? (async () => void done.push(name)) });
  return { shutdown, add, done, lines };
}
afterEach(() => void jest.useRealTimers());
const never = () => new Promise<void>(() => undefined);

test('groups run in order, whatever the order of registration; once', async () => {
  const { shutdown, add, done } = setup();
  add('ops', 'ops');
  add('connections', 'redis');
  add('intake', 'http');
  add('work', 'jobs');
  expect(shutdown.signal.aborted).toBe(false);
  const first = shutdown.run('test');
  expect(shutdown.run('again')).toBe(first);
  expect(shutdown.signal.aborted).toBe(true);
  expect(await first).toBe(0);
  expect(done).toEqual(['http', 'jobs', 'redis', 'ops']);
});

test('a step that fails makes the exit code 1 and does not stop the others', async () => {
  const { shutdown, add, done, lines } = setup();
  add('intake', 'bad', async () => {
    throw new Error('no');
  });
  add('ops', 'ops');
  expect(await shutdown.run('test')).toBe(1);
  expect(done).toEqual(['ops']);
  expect(lines).toContain('shutdown step failed');
});

test('a step that hangs loses its time, not that of later groups', async () => {
  jest.useFakeTimers();
  const { shutdown, add, done } = setup(10_000);
  let aborted = false;
  shutdown.add({
    name: 'hangs',
    group: 'work',
    run: ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    },
  });
  let left = 0;
  shutdown.add({ name: 'ops', group: 'ops', run: ({ timeoutMs }) => void (left = timeoutMs) });
  add('connections', 'redis');
  const code = shutdown.run('test');
  await jest.advanceTimersByTimeAsync(10_000);
  expect(await code).toBe(1);
  expect(aborted).toBe(true);
  expect(left).toBeGreaterThan(1_000);
  expect(done).toEqual(['redis']);
});

test('a step may have less time than the whole', async () => {
  const { shutdown, add, done } = setup(3_600_000);
  shutdown.add({ name: 'short', group: 'intake', timeoutMs: 5, run: never });
  add('ops', 'ops');
  expect(await shutdown.run('test')).toBe(1);
  expect(done).toEqual(['ops']);
});

test('a second signal ends it at once', async () => {
  const { shutdown, add, done } = setup(3_600_000);
  add('work', 'hangs', never);
  add('ops', 'ops');
  const code = shutdown.run('SIGTERM');
  shutdown.force('SIGTERM');
  expect(await code).toBe(1);
  expect(done).toEqual([]);
});

test('what registers too late is told so', async () => {
  const { shutdown, add } = setup();
  await shutdown.run('test');
  expect(() => add('work', 'late')).toThrow('Too late');
});
