import { expect, test } from '@jest/globals';
import { createHealth } from './health.ts';

test('ready when every check passes', async () => {
  const health = createHealth();
  expect((await health.readiness()).httpStatus).toBe(200);
  health.addReadiness('fine', () => undefined);
  health.addReadiness('store', async () => {
    throw new Error('away');
  });
  health.addReadiness('throws', () => {
    throw new Error('at once');
  });
  const { httpStatus, body } = await health.readiness();
  expect(httpStatus).toBe(503);
  expect(body).toMatchObject({
    status: 'unavailable',
    checks: { fine: { ok: true }, store: { ok: false, error: 'away' }, throws: { ok: false, error: 'at once' } },
  });
  // What is outside of the process does not make it dead.
  expect((await health.liveness()).httpStatus).toBe(200);
});

test('a check that does not answer has failed, and hears of it', async () => {
  const health = createHealth();
  let signal: AbortSignal | undefined;
  const check = (given: AbortSignal) => {
    signal = given;
    return new Promise<void>(() => undefined);
  };
  health.addLiveness('loop', check, { timeoutMs: 20 });
  const { httpStatus, body } = await health.liveness();
  expect(httpStatus).toBe(503);
  expect(body.checks['loop']).toMatchObject({ ok: false, error: 'no answer within 20 ms' });
  expect(signal?.aborted).toBe(true);
});

test('results stand for a moment, also while they are being found out', async () => {
  let time = 0;
  let calls = 0;
  const health = createHealth({ cacheMs: 100, now: () => time });
  health.addReadiness('counted', async () => {
    calls++;
  });
  await Promise.all([health.readiness(), health.readiness()]);
  time = 99;
  await health.readiness();
  expect(calls).toBe(1);
  time = 100;
  await health.readiness();
  expect(calls).toBe(2);
});

test('details stand in the answer, whether the check passes or not, as they are now', async () => {
  const told: { details?: { mode: string } } = {};
  let works = true;
  const health = createHealth({ cacheMs: 0 });
  const check = () => {
    if (!works) throw new Error('away');
  };
  health.addReadiness('store', check, { details: () => told.details });
  expect((await health.readiness()).body.checks['store']).toEqual({ ok: true, durationMs: expect.any(Number) });
  const details = (told.details = { mode: 'guarded' });
  expect((await health.readiness()).body.checks['store']).toMatchObject({ ok: true, details });
  works = false;
  expect((await health.readiness()).body.checks['store']).toMatchObject({ ok: false, error: 'away', details });
});

test('stopping: not ready, alive', async () => {
  const health = createHealth();
  health.stopping();
  expect(await health.readiness()).toMatchObject({ httpStatus: 503, body: { status: 'stopping' } });
  expect((await health.liveness()).httpStatus).toBe(200);
});

test('names are unique', () => {
  const health = createHealth();
  health.addReadiness('a', () => undefined);
  expect(() => health.addReadiness('a', () => undefined)).toThrow('already');
});
