import { MemoryObjectStore } from '@cordwood/testkit';
import { beforeEach, expect, test } from '@jest/globals';
import { LostLog } from './lost-log.ts';

let store: MemoryObjectStore;
let asked: string[];
beforeEach(() => {
  store = new MemoryObjectStore();
  asked = [];
  store.before = (operation, key) => void asked.push(`${operation} ${key}`);
});

const put = async (key: string): Promise<void> => {
  await store.put(key, Buffer.from('x'));
  asked = [];
};

test('a pod without files costs one request, and once a minute another for all pods', async () => {
  const lost = new LostLog(store);
  const answers = await Promise.all([lost.isPossible('job-a'), lost.isPossible('job-b')]);
  expect(answers).toEqual([false, false]);
  expect(asked.toSorted()).toEqual(['list data/job-a/', 'list data/job-b/', 'list logs/']);
  asked = [];
  store.clock += 59_999;
  await lost.isPossible('job-c');
  expect(asked).toEqual(['list data/job-c/']);
  asked = [];
  store.clock += 1;
  await lost.isPossible('job-d');
  expect(asked.toSorted()).toEqual(['list data/job-d/', 'list logs/']);
});

test('files of the pod are found, Cordwood’s and the reference’s, and those of others are not taken for them', async () => {
  await put('data/job-a/0a/202611201000_1.gz');
  await put('data/job-a2/0a/202611201000_1.gz');
  const lost = new LostLog(store);
  expect(await lost.isPossible('job-a')).toBe(true);
  expect(await lost.isPossible('job')).toBe(false);

  // That there are none is believed for a minute.
  await put('logs/job-b/0a/202611201000_1.gz');
  expect(await lost.isPossible('job-b')).toBe(false);
  store.clock += 60_000;
  expect(await lost.isPossible('job-b')).toBe(true);
  expect(await lost.isPossible('job-c')).toBe(false);
});

test('a look that fails is tried again by the next job', async () => {
  const lost = new LostLog(store);
  store.before = (_, key) => {
    if (key === 'logs/') throw new Error('away');
  };
  await expect(lost.isPossible('job-a')).rejects.toThrow('away');
  store.before = () => undefined;
  expect(await lost.isPossible('job-a')).toBe(false);
});
