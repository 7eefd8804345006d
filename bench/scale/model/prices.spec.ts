import { describe, expect, it } from '@jest/globals';
import { LIST_PRICES, priceOfCpu, priceOfRequests, priceOfStorage } from './prices.ts';

describe('prices', () => {
  it('are by a thousand requests, of the kind that S3 bills them as', () => {
    const none = { LIST: 0, GET: 0, HEAD: 0, PUT: 0, COPY: 0, DELETE: 0 };
    const prices = { storage: 0, put: 5, get: 1, delete: 0.5, cpu: 0 };
    expect(priceOfRequests({ ...none, LIST: 1_000, PUT: 2_000, COPY: 3_000 }, prices)).toBe(30);
    expect(priceOfRequests({ ...none, GET: 1_000, HEAD: 2_000 }, prices)).toBe(3);
    expect(priceOfRequests({ ...none, DELETE: 4_000 }, prices)).toBe(2);
    expect(priceOfRequests({ ...none, PUT: 1e6, DELETE: 1e6 }, LIST_PRICES)).toBeCloseTo(5);
  });

  it('are by GB and month, and by hour', () => {
    expect(priceOfStorage(1e12, LIST_PRICES)).toBeCloseTo(23);
    expect(priceOfCpu(7_200, LIST_PRICES)).toBeCloseTo(0.1);
  });
});
