import { expect, test } from '@jest/globals';
import { StoreClock } from './store-clock.ts';

const NOON = Date.UTC(2026, 10, 20, 12);
const header = (ms: number) => new Date(ms).toUTCString();

function clockAt() {
  const local = { elapsed: 1_000 };
  const clock = new StoreClock(() => local.elapsed);
  return { local, clock };
}

test('nothing is known before the first answer, nor from a header that cannot be read', () => {
  const { clock } = clockAt();
  clock.observe(undefined);
  clock.observe('yesterday');
  expect(clock.now()).toBeUndefined();
});

test('goes on by the local clock between answers', () => {
  const { local, clock } = clockAt();
  clock.observe(header(NOON));
  local.elapsed += 90_500;
  expect(clock.now()).toBe(NOON + 90_500);
});

test('whole seconds of later answers do not set it back', () => {
  const { local, clock } = clockAt();
  clock.observe(header(NOON));
  local.elapsed += 900;
  clock.observe(header(NOON));
  expect(clock.now()).toBe(NOON + 900);
});

test('a later answer that knows better sets it on', () => {
  const { local, clock } = clockAt();
  clock.observe(header(NOON));
  local.elapsed += 500;
  clock.observe(header(NOON + 1_000));
  expect(clock.now()).toBe(NOON + 1_000);
});

test('a local clock that runs fast is held, not turned back', () => {
  const { local, clock } = clockAt();
  clock.observe(header(NOON));
  local.elapsed += 3_000;
  expect(clock.now()).toBe(NOON + 3_000);
  clock.observe(header(NOON + 1_000));
  expect(clock.now()).toBe(NOON + 3_000);
  local.elapsed += 2_500;
  expect(clock.now()).toBe(NOON + 3_500);
});

test("a store's clock that was set back is followed", () => {
  const { local, clock } = clockAt();
  clock.observe(header(NOON));
  expect(clock.now()).toBe(NOON);
  local.elapsed += 10;
  clock.observe(header(NOON - 3_600_000));
  expect(clock.now()).toBe(NOON - 3_600_000);
});
