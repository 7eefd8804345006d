import { describe, expect, it } from '@jest/globals';
import { RequestLimits } from './request-limits.ts';

describe('RequestLimits', () => {
  it('lets through what the rate allows, and holds back the rest', () => {
    const limits = new RequestLimits({ writes: 100, reads: 1_000 });
    const waits = Array.from({ length: 100 }, () => limits.wait('a', 'PUT', 5_000));
    // 100 requests at 100 a second are served within a second; 20 of them may come at once.
    expect(waits.filter((wait) => wait === 0)).toHaveLength(20);
    expect(waits.at(-1)).toBeCloseTo(800);
    expect(limits.delayed).toBe(80);
  });

  it('counts every deleted key, and reads and prefixes by themselves', () => {
    const limits = new RequestLimits({ writes: 100, reads: 1_000 });
    expect(limits.wait('a', 'DELETE', 0, 120)).toBeCloseTo(1_000);
    expect(limits.wait('a', 'PUT', 0)).toBeGreaterThan(1_000);
    expect(limits.wait('a', 'GET', 0)).toBe(0);
    expect(limits.wait('b', 'PUT', 0)).toBe(0);
  });

  it('forgets what is over', () => {
    const limits = new RequestLimits({ writes: 100, reads: 1_000 });
    limits.wait('a', 'DELETE', 0, 1_000);
    expect(limits.wait('a', 'PUT', 10_000)).toBe(0);
  });
});
