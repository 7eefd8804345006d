import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { MemoryObjectStore } from '@cordwood/testkit';
import { DEFAULT_LATENCY, LatencyModel } from '../model/latency.ts';
import { RequestLimits } from '../model/request-limits.ts';
import { VirtualTime } from '../model/virtual-time.ts';
import { ModelledStore, type ModelledStoreOptions } from './modelled-store.ts';
import { allRequests } from './usage.ts';

const START = Date.UTC(2026, 0, 1);
const LATENCY = { getMs: 10, putMs: 20, listMs: 30, deleteMs: 40, spread: 0, bytesPerSecond: 1e6 };

function setUp(options: Partial<ModelledStoreOptions> = {}) {
  const time = new VirtualTime(START);
  const inner = new MemoryObjectStore(START);
  const store = new ModelledStore({ inner, time, latency: new LatencyModel(LATENCY, 1), ...options });
  /** Runs it to its end; gives the virtual time that it took. */
  const run = async (work: Promise<unknown>): Promise<number> => {
    const start = time.now;
    const state = { over: false };
    const watched = work.finally(() => (state.over = true));
    watched.catch(() => undefined);
    while (!state.over) {
      await setImmediate();
      time.advance();
    }
    await watched;
    return time.now - start;
  };
  return { time, inner, store, run };
}

describe('ModelledStore', () => {
  it('takes as long as the model says, one request after the other or side by side', async () => {
    const { store, run } = setUp();
    expect(await run(store.put('data/a', Buffer.alloc(1_000)))).toBe(21);
    expect(await run(Promise.all([store.get('data/a'), store.get('data/a'), store.head('data/a')]))).toBe(11);
  });

  it('counts requests, deleted keys and bytes, by what they are for', async () => {
    const { store, run } = setUp();
    await run(store.put('data/a', Buffer.alloc(1_000)));
    await run(store.put('metadata/p.json', Buffer.alloc(10)));
    await run(store.get('data/a', { start: 100, end: 299 }));
    await run(store.deleteMany([{ key: 'kube.var.log.containers.a' }, { key: 'kube.var.log.containers.b' }]));
    const usage = store.takeUsage();
    expect(usage.requests).toEqual({ LIST: 0, GET: 1, HEAD: 0, PUT: 2, COPY: 0, DELETE: 1 });
    expect(usage.writes).toEqual({ raw: 2, data: 1, metadata: 1, other: 0 });
    expect(usage.reads).toEqual({ raw: 0, data: 1, metadata: 0, other: 0 });
    expect(usage).toMatchObject({ bytesUp: 1_010, bytesDown: 200 });
    expect(allRequests(store.takeUsage())).toBe(0);
  });

  it('lists a request a page', async () => {
    const { store, inner, run } = setUp();
    for (let i = 0; i < 25; i++) await inner.put(`data/${i}`, Buffer.alloc(1));
    const pages: number[] = [];
    const list = async (): Promise<void> => {
      for await (const { objects } of store.list({ prefix: 'data/', pageSize: 10 })) pages.push(objects.length);
    };
    expect(await run(list())).toBe(90);
    expect(pages).toEqual([10, 10, 5]);
    expect(store.takeUsage().requests.LIST).toBe(3);
  });

  it('stores at the time when a request is over, and fails as the bucket does', async () => {
    const { store, run } = setUp();
    await run(store.put('data/a', Buffer.alloc(1), { condition: { absent: true } }));
    expect(store.now() - START).toBeGreaterThan(0);
    await expect(run(store.put('data/a', Buffer.alloc(1), { condition: { absent: true } }))).rejects.toThrow(
      'the condition does not hold',
    );
    expect(store.takeUsage().requests.PUT).toBe(2);
  });

  it('keeps requests waiting for a busy bucket and a busy processor', async () => {
    const limited = setUp({ limits: new RequestLimits({ writes: 10, reads: 10 }) });
    const puts = Array.from({ length: 12 }, (_, i) => limited.store.put(`data/${i}`, Buffer.alloc(0)));
    expect(await limited.run(Promise.all(puts))).toBeCloseTo(1_020);
    const busy = setUp({ cpuMs: 100 });
    await busy.inner.put('data/a', Buffer.alloc(0));
    expect(await busy.run(Promise.all([busy.store.head('data/a'), busy.store.head('data/a')]))).toBe(210);
  });

  it('gives the same times for the same seed', async () => {
    const times = [1, 1, 2].map(async (seed) => {
      const { store, run } = setUp({ latency: new LatencyModel(DEFAULT_LATENCY, seed) });
      return run(store.put('data/a', Buffer.alloc(1)));
    });
    const [a, b, c] = await Promise.all(times);
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});
