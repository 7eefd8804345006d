import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Fixture, createFixture, expectSoon } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => void (fixture = createFixture(testRedisUrl(), testQueuePrefix())));
afterEach(async () => {
  await fixture.close();
  await removeTestKeys(fixture.prefix);
});

/** A cleaner that reads its state when it starts and can be held up after that. */
function cleaner(outcome: (run: number) => { againInMs: number } | undefined) {
  let state = 0;
  let gate: PromiseWithResolvers<string> | undefined;
  const read: number[] = [];
  fixture.workers({
    clean: async () => {
      read.push(state);
      await gate?.promise;
      return outcome(read.length);
    },
  });
  return {
    read,
    change: () => {
      state++;
    },
    hold: () => void (gate = Promise.withResolvers()),
    release: () => {
      gate?.resolve('go on');
      gate = undefined;
    },
  };
}

test.each([
  ['ends', undefined],
  ['wants to run again much later', { againInMs: 3_600_000 }],
])('a job that is active does not swallow a request: it %s', async (_what, outcome) => {
  const queues = fixture.queues();
  const { read, change, hold, release } = cleaner((run) => (run === 1 ? outcome : undefined));
  hold();
  await queues.enqueueCleanup('p', 0);
  await expectSoon('it has read', () => read.length === 1);
  change();
  await queues.enqueueCleanup('p', 50);
  release();
  await expectSoon('it has seen the change', () => read.includes(1));
  await expectSoon('nothing left', async () => {
    const { cleanup } = await queues.counts();
    return cleanup.active + cleanup.waiting + cleanup.delayed === 0;
  });
  expect(await fixture.connection.producer.exists(`${fixture.prefix}:cleanup-wanted`)).toBe(0);
});

test('requests that come at any moment are all seen', async () => {
  const queues = fixture.queues();
  let asked = 0;
  let seen = 0;
  fixture.workers({
    clean: async () => {
      const now = asked;
      // The state is read first, then the work takes its time: long enough for requests to fall into it.
      await new Promise((resolve) => setTimeout(resolve, 3));
      seen = now;
      return now % 5 === 0 ? { againInMs: 3_600_000 } : undefined;
    },
  });
  for (let round = 1; round <= 60; round++) {
    asked = round;
    await queues.enqueueCleanup('p', round % 3);
    if (round % 4 === 0) await expectSoon(`round ${round} seen`, () => seen === round);
  }
  await expectSoon('the last one seen', () => seen === 60);
});

test('a job that moved itself to later comes earlier when asked to', async () => {
  const queues = fixture.queues();
  const { read } = cleaner((run) => (run === 1 ? { againInMs: 3_600_000 } : undefined));
  await queues.enqueueCleanup('p', 0);
  await expectSoon('it waits', async () => (await queues.counts()).cleanup.delayed === 1);
  await queues.enqueueCleanup('p', 10);
  await expectSoon('it came', () => read.length === 2);
});

test('a failing job keeps its own pace, whatever is asked for', async () => {
  const queues = fixture.queues();
  let runs = 0;
  fixture.workers({
    clean: async () => {
      runs++;
      throw new Error('store is away');
    },
  });
  await queues.enqueueCleanup('p', 0);
  await expectSoon('it waits for its next try', async () => (await queues.counts()).cleanup.delayed === 1);
  await queues.enqueueCleanup('p', 0);
  expect(await queues.counts()).toMatchObject({ cleanup: { delayed: 1, waiting: 0, active: 0 } });
  expect(runs).toBe(1);
});

test('a request whose job went missing is found when it is overdue', async () => {
  const queues = fixture.queues();
  await queues.enqueueCleanup('p', 0);
  // As if the worker had been killed between the end of the job and its look at the requests.
  await removeTestKeys(`${fixture.prefix}:cleanup:`);
  const pods: string[] = [];
  fixture.workers(
    {
      clean: async ({ pod }) => {
        pods.push(pod);
      },
    },
    { stalledIntervalMs: 50 },
  );
  await expectSoon('found', () => pods.length === 1);
  expect(pods).toEqual(['p']);
});
