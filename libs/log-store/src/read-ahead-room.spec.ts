import { beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Holder, ReadAheadRoom } from './read-ahead-room.ts';

let now: number;
let room: ReadAheadRoom;
beforeEach(() => {
  now = 0;
  room = new ReadAheadRoom(100, () => now);
});

/** A read that holds what it takes until it has to give way. */
class Read implements Holder {
  lastActive = now;
  asked = 0;
  readonly places: { readonly bytes: number; readonly release: () => void }[] = [];

  take(bytes: number): boolean {
    this.lastActive = now;
    const release = room.take(bytes, this);
    if (release === undefined) return false;
    this.places.push({ bytes, release });
    return true;
  }

  giveWay(): void {
    this.asked++;
    for (const { release } of this.places.splice(0)) release();
  }
}

test('no more is given than there is, and what is released is given again', () => {
  const read = new Read();
  expect([read.take(60), read.take(41), read.take(40), read.take(1)]).toEqual([true, false, true, false]);
  const [first] = read.places;
  first?.release();
  first?.release();
  expect([read.take(61), read.take(60)]).toEqual([false, true]);
});

test('a read that has not asked for anything for long gives way, and no more of them than are needed', () => {
  const [stalled, alsoStalled, young, asking] = [new Read(), new Read(), new Read(), new Read()];
  stalled.take(30);
  alsoStalled.take(30);
  now = 5_000;
  young.take(30);
  now = 10_000;
  expect(asking.take(40)).toBe(true);
  expect([stalled.asked, alsoStalled.asked, young.asked]).toEqual([1, 0, 0]);
  expect(asking.take(50)).toBe(false);
  expect(young.asked).toBe(0);
  expect(asking.asked).toBe(0);
});

test('a read that is slow but goes on does not give way, nor does one to itself', () => {
  const [slow, asking] = [new Read(), new Read()];
  slow.take(100);
  for (; now < 60_000; now += 9_000) slow.lastActive = now;
  expect(asking.take(1)).toBe(false);
  now += 60_000;
  const release = room.take(1, slow);
  expect([release, slow.asked]).toEqual([undefined, 0]);
  room.leave(slow);
  expect([asking.take(1), slow.asked]).toEqual([false, 0]);
});

test('whatever happens, the bytes given are never more than there are, and all come back', () => {
  const step = fc.record({
    read: fc.nat(4),
    bytes: fc.integer({ min: 1, max: 120 }),
    pause: fc.nat(6_000),
    end: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      now = 0;
      room = new ReadAheadRoom(100, () => now);
      const reads = Array.from({ length: 5 }, () => new Read());
      for (const { read, bytes, pause, end } of steps) {
        now += pause;
        const one = reads[read];
        one?.take(bytes);
        const held = reads.flatMap(({ places }) => places.map((place) => place.bytes));
        expect(held.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(100);
        one?.places.splice(end, 1).forEach(({ release }) => release());
      }
      for (const read of reads) read.giveWay();
      expect(new Read().take(100)).toBe(true);
    }),
  );
});
