import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Fixture, createFixture } from './fixture.ts';
import { createScanPosition } from './scan-position.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

test('remembers where the last scan stopped, for all replicas, until it is told otherwise or Redis is lost', async () => {
  const position = createScanPosition(fixture);
  expect(await position.read()).toBeUndefined();
  await position.write('job-a.b');
  expect(await createScanPosition(fixture).read()).toBe('job-a.b');
  await position.write(undefined);
  expect(await position.read()).toBeUndefined();
  await position.write('job-c');
  await removeTestKeys(fixture.prefix);
  expect(await position.read()).toBeUndefined();
});
