import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createBacklogRecord } from './backlog-record.ts';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

test('one replica at a time has the turn, all of them read what it found', async () => {
  const [one, other] = [createBacklogRecord(fixture), createBacklogRecord(fixture)];
  expect(await other.read()).toBeUndefined();
  const turns = await Promise.all([one.takeTurn(3_600_000), other.takeTurn(3_600_000)]);
  expect(turns.toSorted()).toEqual([false, true]);
  const backlog = { files: 2, bytes: 30, oldest: 4, complete: true };
  await one.write(backlog);
  expect(await other.read()).toEqual(backlog);
  const { oldest: _none, ...empty } = backlog;
  await other.write(empty);
  expect(await one.read()).toEqual(empty);
});

test('a turn ends by itself, or when it is given back', async () => {
  const record = createBacklogRecord(fixture);
  expect(await record.takeTurn(50)).toBe(true);
  await expectSoon('the turn is over', () => record.takeTurn(3_600_000));
  expect(await record.takeTurn(3_600_000)).toBe(false);
  await record.giveBackTurn();
  expect(await record.takeTurn(3_600_000)).toBe(true);
});
