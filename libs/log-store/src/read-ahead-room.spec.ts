import { beforeEach, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { type Place, ReadAheadRoom } from './read-ahead-room.ts';

let now: number;
let room: ReadAheadRoom;
beforeEach(() => {
  now = 0;
  room = new ReadAheadRoom(100, () => now);
});

/** A place that gives way when it is asked to. */
function take(bytes: number): (Place & { readonly giveWay: jest.Mock<() => void> }) | undefined {
  const giveWay = jest.fn(() => place?.release());
  const place = room.take(bytes, giveWay);
  return place && { ...place, giveWay };
}

test('no more is given than there is, and what is released is given again', () => {
  const first = take(60);
  expect(take(41)).toBeUndefined();
  expect(take(40)).toBeDefined();
  expect(take(1)).toBeUndefined();
  first?.release();
  first?.release();
  expect(take(61)).toBeUndefined();
  expect(take(60)).toBeDefined();
});

test('what has waited for long gives way, the oldest first, and only as much as is needed', () => {
  const [oldest, older] = [take(30), take(30)];
  now = 5_000;
  const young = take(30);
  now = 10_000;
  expect(take(40)).toBeDefined();
  expect(oldest?.giveWay).toHaveBeenCalledTimes(1);
  expect(older?.giveWay).not.toHaveBeenCalled();
  expect(take(50)).toBeUndefined();
  expect(young?.giveWay).not.toHaveBeenCalled();
});

test('what is being read does not give way', () => {
  const place = take(100);
  place?.use();
  now = 60_000;
  expect(take(1)).toBeUndefined();
  place?.release();
  expect(take(100)).toBeDefined();
});

test('whatever happens, the bytes given are never more than there are, and all come back', () => {
  const step = fc.record({
    bytes: fc.integer({ min: 1, max: 120 }),
    pause: fc.nat(6_000),
    use: fc.nat(9),
    end: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      now = 0;
      room = new ReadAheadRoom(100, () => now);
      const held = new Map<Place, number>();
      const nth = (index: number): Place | undefined => [...held.keys()][index];
      const release = (place: Place | undefined): void => {
        if (place === undefined) return;
        held.delete(place);
        place.release();
      };
      for (const { bytes, pause, use, end } of steps) {
        now += pause;
        const place = room.take(bytes, () => release(place));
        if (place !== undefined) held.set(place, bytes);
        expect([...held.values()].reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(100);
        nth(use)?.use();
        release(nth(end));
      }
      for (const place of [...held.keys()]) release(place);
      expect(room.take(100, () => undefined)).toBeDefined();
    }),
  );
});
