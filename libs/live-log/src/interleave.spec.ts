import { expect, test } from '@jest/globals';
import { interleave } from './interleave.ts';

/** Gives these, then throws the error if there is one. */
async function* giving(
  values: readonly string[],
  ended: string[],
  name: string,
  error?: Error,
): AsyncGenerator<string> {
  try {
    for (const value of values) yield await Promise.resolve(value);
    if (error !== undefined) throw error;
  } finally {
    ended.push(name);
  }
}

async function collect(from: AsyncIterable<string>, most = Infinity): Promise<string[]> {
  const all: string[] = [];
  for await (const each of from) if (all.push(each) >= most) break;
  return all;
}

test('gives all of them, each in its order', async () => {
  const ended: string[] = [];
  const all = await collect(interleave([giving(['a1', 'a2'], ended, 'a'), giving(['b1'], ended, 'b')]));
  expect(all.filter((each) => each.startsWith('a'))).toEqual(['a1', 'a2']);
  expect(all.toSorted()).toEqual(['a1', 'a2', 'b1']);
});

test('one that throws ends them all, and so does who leaves', async () => {
  const many = Array.from({ length: 100 }, (_, at) => `${at}`);
  const ended: string[] = [];
  const failing = interleave([giving(many, ended, 'a'), giving(['b'], ended, 'b', new Error('broken'))]);
  await expect(collect(failing)).rejects.toThrow('broken');
  await new Promise(setImmediate);
  expect(ended.toSorted()).toEqual(['a', 'b']);
  ended.length = 0;
  await collect(interleave([giving(many, ended, 'a'), giving(many, ended, 'b')]), 3);
  await new Promise(setImmediate);
  expect(ended.toSorted()).toEqual(['a', 'b']);
});
