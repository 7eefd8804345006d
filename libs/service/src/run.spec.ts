import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';

type Line = Record<string, unknown>;
const FIXTURE = join(import.meta.dirname, '../fixtures/app.ts');
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const app of running) app.kill('SIGKILL');
});

/** Starts the fixture as a process of its own: signals and exit codes are what is tested. */
function startFixture(mode: string, env: NodeJS.ProcessEnv = {}) {
  const app = spawn(process.execPath, [FIXTURE], {
    env: { METRICS_PORT: '0', FIXTURE: mode, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(app);
  // `close` and not `exit`: its last lines are to be read first.
  const exit = once(app, 'close').then(([code]) => {
    running.delete(app);
    return code as number | null;
  });
  const lines: Line[] = [];
  const heard = new EventEmitter();
  createInterface(app.stdout).on('line', (text) => {
    lines.push(JSON.parse(text) as Line);
    heard.emit('line');
  });
  /** The line with this message that is the `times`-th of its kind. */
  const untilLine = async (message: string, times = 1): Promise<Line> => {
    for (;;) {
      const seen = lines.filter((line) => line['message'] === message)[times - 1];
      if (seen !== undefined) return seen;
      await once(heard, 'line');
    }
  };
  return { app, exit, lines, untilLine, stderr: text(app.stderr).catch(String) };
}

function readiness(ready: Line): Promise<Response> {
  return fetch(`http://127.0.0.1:${(ready['ports'] as { metrics: number }).metrics}/readyz`);
}

test('starts, says ready with its ports, and ends with 0 on SIGTERM', async () => {
  const { app, exit, untilLine, lines } = startFixture('plain');
  const ready = await untilLine('ready');
  expect(ready).toMatchObject({ app: 'fixture', level: 'info', version: '0.1.0', ports: { http: 1234 } });
  expect((await readiness(ready)).status).toBe(200);
  app.kill('SIGTERM');
  expect(await exit).toBe(0);
  expect(lines.map((line) => line['message'])).toEqual(['ready', 'shutting down', 'finishing', 'stopped']);
});

test('a second signal ends it at once, with 1', async () => {
  const { app, exit, untilLine } = startFixture('hangs');
  await untilLine('ready');
  app.kill('SIGTERM');
  await untilLine('finishing');
  app.kill('SIGINT');
  expect(await exit).toBe(1);
});

test('a step that hangs does not outlast SHUTDOWN_TIMEOUT', async () => {
  const { app, exit, untilLine } = startFixture('hangs', { SHUTDOWN_TIMEOUT: '1s' });
  await untilLine('ready');
  app.kill('SIGTERM');
  expect(await exit).toBe(1);
});

test('a bad environment: the message on stderr, exit code 1, nothing on stdout', async () => {
  const { exit, stderr, lines } = startFixture('plain', { TICK: 'often', LOG_LEVEL: 'loud' });
  expect(await exit).toBe(1);
  expect(await stderr).toContain('fixture: 2 variables are wrong');
  expect(await stderr).toContain('LOG_LEVEL holds "loud": error, warn, info or debug is allowed');
  expect(lines).toEqual([]);
});

test('a store that is away at start: alive, not ready, until it comes', async () => {
  const { app, exit, untilLine } = startFixture('store-away');
  const ready = await untilLine('ready');
  await untilLine('not ready, will retry');
  const answer = await readiness(ready);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ checks: { store: { ok: false, error: 'store is away' } } });
  app.kill('SIGUSR2');
  await untilLine('ready after retries');
  // Results stand for a second.
  const deadline = Date.now() + 150_000;
  while ((await readiness(ready)).status !== 200) {
    if (Date.now() > deadline) throw new Error('never ready');
  }
  app.kill('SIGTERM');
  expect(await exit).toBe(0);
});

test.each([
  ['compose-fails', 'start failed', 'no such thing'],
  ['rejects', 'unhandled rejection', 'nobody caught this'],
])('%s: logged, exit code 1', async (mode, message, reason) => {
  const { exit, untilLine } = startFixture(mode);
  expect(await untilLine(message)).toMatchObject({ level: 'error', error: { message: reason } });
  expect(await exit).toBe(1);
});

test('nobody reads its log any more: stops in order, with 1', async () => {
  const { app, exit, untilLine, stderr } = startFixture('speaks');
  await untilLine('ready');
  await close(app.stdout);
  app.kill('SIGUSR2');
  expect(await exit).toBe(1);
  expect(await stderr).toBe('spoken\nfinished in order\n');
});

test('nobody reads its log nor its standard error: ends, with 1', async () => {
  const { app, exit, untilLine } = startFixture('speaks');
  await untilLine('ready');
  await Promise.all([close(app.stdout), close(app.stderr)]);
  app.kill('SIGUSR2');
  expect(await exit).toBe(1);
});

test('nobody reads its standard error any more: told once, and works on', async () => {
  const { app, exit, untilLine, lines } = startFixture('speaks');
  const ready = await untilLine('ready');
  await close(app.stderr);
  for (const times of [1, 2]) {
    app.kill('SIGUSR2');
    await untilLine('spoken', times);
  }
  expect((await readiness(ready)).status).toBe(200);
  app.kill('SIGTERM');
  expect(await exit).toBe(0);
  expect(lines.filter((line) => line['message'] === 'standard error is lost')).toEqual([
    expect.objectContaining({ level: 'warn', error: expect.objectContaining({ code: 'EPIPE' }) }),
  ]);
});

test('its log is on a full disk: stops, with 1', async () => {
  const full = openSync('/dev/full', 'w');
  const app = spawn(process.execPath, [FIXTURE], {
    env: { METRICS_PORT: '0', FIXTURE: 'speaks' },
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  running.add(app);
  const [[code], told] = await Promise.all([once(app, 'exit'), text(app.stderr!)]);
  expect(code).toBe(1);
  expect(told).toBe('finished in order\n');
});

/** Until the descriptor is closed, the child would not notice. */
async function close(stream: Readable): Promise<void> {
  const closed = once(stream, 'close');
  stream.destroy();
  await closed;
}
