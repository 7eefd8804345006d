import { expect, test } from '@jest/globals';
import { TtlCache } from './ttl-cache.ts';

function cache(max = 10) {
  let now = 0;
  let finds = 0;
  const it = new TtlCache<number>({ max, now: () => now });
  return {
    get: (key: string, ttlMs = 100) => it.get(key, () => Promise.resolve({ value: ++finds, ttlMs })),
    it,
    pass: (ms: number) => (now += ms),
  };
}

test('an answer counts for its time, and no longer', async () => {
  const { get, pass } = cache();
  expect([await get('a'), await get('a'), await get('b')]).toEqual([1, 1, 2]);
  pass(99);
  expect(await get('a')).toBe(1);
  pass(1);
  expect(await get('a')).toBe(3);
  // Being asked for does not make it last.
  pass(60);
  await get('a');
  pass(60);
  expect(await get('a')).toBe(4);
});

test('who asks meanwhile waits for the same answer', async () => {
  const { get } = cache();
  expect(await Promise.all([get('a'), get('a'), get('a')])).toEqual([1, 1, 1]);
});

test('an error is for those who waited, and for nobody else', async () => {
  const { get, it } = cache();
  const fail = () => it.get('a', () => Promise.reject(new Error('away')));
  const outcomes = await Promise.allSettled([fail(), fail()]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await get('a')).toBe(1);
});

test('of too many answers those go that nobody asked for the longest', async () => {
  const { get } = cache(2);
  await get('a');
  await get('b');
  await get('a');
  await get('c');
  expect([await get('a'), await get('b')]).toEqual([1, 4]);
});
