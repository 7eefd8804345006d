import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { VirtualTime } from './virtual-time.ts';

describe('VirtualTime', () => {
  it('wakes in the order of time, and of beginning where that is the same', async () => {
    const time = new VirtualTime(1_000);
    const woken: string[] = [];
    const wait = async (name: string, ms: number): Promise<void> => {
      await time.sleep(ms);
      woken.push(`${name} at ${time.now}`);
    };
    const all = Promise.all([wait('late', 50), wait('early', 5), wait('also late', 50), wait('past', -7)]);
    while (time.advance()) await setImmediate();
    await all;
    expect(woken).toEqual(['past at 1000', 'early at 1005', 'late at 1050', 'also late at 1050']);
  });

  it('stands still while nobody waits', () => {
    const time = new VirtualTime(1_000);
    expect(time.advance()).toBe(false);
    expect(time.now).toBe(1_000);
  });
});
