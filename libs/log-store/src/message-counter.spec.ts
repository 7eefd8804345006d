import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LogRecord } from '@cordwood/log-record';
import { MessageCounter } from './message-counter.ts';
import { BASE, recordsOf } from './spec-support.ts';

/** Messages of the same time are counted together as long as fewer than this many stand between them. */
const WINDOW = 2048;

const [TEMPLATE] = recordsOf([{ at: 0, log: 'x' }]);

function messagesAt(times: readonly number[]): LogRecord[] {
  return times.map((time) => ({ ...TEMPLATE!, seconds: BASE + Math.floor(time / 10), nanos: time % 10 }));
}

/** By looking at all that came before. */
function counted(times: readonly number[]): number[] {
  const nths: number[] = [];
  const last = new Map<number, number>();
  for (const [index, time] of times.entries()) {
    const before = last.get(time);
    nths.push(before === undefined || index - before >= WINDOW ? 1 : (nths[before] ?? 0) + 1);
    last.set(time, index);
  }
  return nths;
}

function count(times: readonly number[], batch: number): number[] {
  const counter = new MessageCounter();
  const nths: number[] = [];
  for (let at = 0; at < times.length; at += batch) {
    const messages = messagesAt(times.slice(at, at + batch));
    const given = counter.count(messages);
    nths.push(...(given ?? messages.map(() => 1)));
  }
  return nths;
}

test('messages are counted by their time, whatever the order of times, as far as the window reaches', () => {
  // Stretches of time that go on, stand still, and jump.
  const stretch = fc.record({
    jump: fc.integer({ min: -3000, max: 3000 }),
    step: fc.constantFrom(0, 1, 1, 2),
    length: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 3000 })),
  });
  fc.assert(
    fc.property(fc.array(stretch, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 3000 }), (all, batch) => {
      let time = 10_000;
      const times = all.flatMap(({ jump, step, length }) => {
        time += jump;
        return Array.from({ length }, () => (time += step));
      });
      expect(count(times, batch)).toEqual(counted(times));
    }),
    { numRuns: 200 },
  );
});

test('a group of any size is counted on', () => {
  const times = Array.from({ length: 5 * WINDOW }, () => 5);
  expect(count(times, 100).at(-1)).toBe(5 * WINDOW);
});

test('a message without a time of its own counts by its place', () => {
  const [timed] = messagesAt([5]);
  const untimed = { ...timed!, seconds: NaN, orderSeconds: timed!.seconds, orderNanos: timed!.nanos };
  expect([...(new MessageCounter().count([timed!, untimed, untimed]) ?? [])]).toEqual([1, 2, 3]);
});
