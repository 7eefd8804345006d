import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';
import { createPodSchedule } from './pod-schedule.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

test('unknown pods are due; decided ones rest until their time', async () => {
  const schedule = createPodSchedule(fixture);
  expect(await schedule.dueAmong([])).toEqual([]);
  expect(await schedule.dueAmong(['a', 'b.c', 'd-e'])).toEqual(['a', 'b.c', 'd-e']);
  await schedule.decided('b.c', 3_600_000);
  await schedule.decided('d-e', 30);
  await schedule.decided('a', 3_600_000);
  await schedule.decided('a', 0);
  expect(await schedule.dueAmong(['b.c', 'a'])).toEqual(['a']);
  await expectSoon('the short rest is over', async () => (await schedule.dueAmong(['d-e'])).length === 1);
});

test('asks for many at once', async () => {
  const schedule = createPodSchedule(fixture);
  const pods = Array.from({ length: 2_500 }, (_, index) => `pod-${index}`);
  const resting = pods.filter((_pod, index) => index % 7 === 0);
  await Promise.all(resting.map((pod) => schedule.decided(pod, 60_000)));
  expect(await schedule.dueAmong(pods)).toEqual(pods.filter((_pod, index) => index % 7 !== 0));
  // What was decided may be forgotten at any time.
  await removeTestKeys(fixture.prefix);
  expect(await schedule.dueAmong(pods)).toEqual(pods);
});
