import { describe, expect, it } from '@jest/globals';
import { median } from '../../statistics.ts';
import { DEFAULT_LATENCY, LatencyModel } from './latency.ts';

const times = (model: LatencyModel, count: number): number[] =>
  Array.from({ length: count }, () => model.next('PUT', 0));

describe('LatencyModel', () => {
  it('gives the same times for the same seed, others for another', () => {
    const [a, b, c] = [7, 7, 8].map((seed) => times(new LatencyModel(DEFAULT_LATENCY, seed), 5));
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  it('spreads them around the median', () => {
    const all = times(new LatencyModel(DEFAULT_LATENCY, 1), 20_000).toSorted((a, b) => a - b);
    expect(median(all) / DEFAULT_LATENCY.putMs).toBeCloseTo(1, 1);
    // 2.33 standard deviations above the median.
    expect((all[19_800] ?? 0) / DEFAULT_LATENCY.putMs).toBeCloseTo(Math.exp(0.4 * 2.33), 0);
  });

  it('adds the time of the body', () => {
    const model = new LatencyModel({ ...DEFAULT_LATENCY, spread: 0 }, 1);
    expect(model.next('GET', 0)).toBe(DEFAULT_LATENCY.getMs);
    expect(model.next('GET', DEFAULT_LATENCY.bytesPerSecond)).toBe(DEFAULT_LATENCY.getMs + 1_000);
    expect(model.next('LIST', 0)).toBe(DEFAULT_LATENCY.listMs);
  });
});
