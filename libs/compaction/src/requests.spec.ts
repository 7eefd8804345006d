import { createS3ObjectStore, MetadataStore, type S3ObjectStore } from '@cordwood/log-store';
import { type EmbeddedS3, MemoryObjectStore, startEmbeddedS3 } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Compactor } from './compactor.ts';
import { startCycle } from './cycle-harness.ts';
import { SteppedStore } from './model/stepped-store.ts';
import { NAMESPACE, POD, rawBody, rawKey, textOf } from './raw-writer.ts';

/** What compaction costs in requests, and in times that it waits for the store. */

let s3: EmbeddedS3;
let store: S3ObjectStore;
const counts = new Map<string, number>();

beforeAll(async () => {
  s3 = await startEmbeddedS3();
  store = createS3ObjectStore({
    bucket: s3.env.LOGS_BUCKET,
    endpoint: s3.env.AWS_ENDPOINT_URL_S3,
    region: s3.env.AWS_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: s3.env.AWS_ACCESS_KEY_ID, secretAccessKey: s3.env.AWS_SECRET_ACCESS_KEY },
    onRequest: ({ operation }) => counts.set(operation, (counts.get(operation) ?? 0) + 1),
  });
  await store.probe();
});
afterAll(async () => {
  store.close();
  await s3.stop();
});

async function requestsOf(work: Promise<unknown>): Promise<Record<string, number>> {
  counts.clear();
  await work;
  return Object.fromEntries(counts);
}

const sum = (requests: Record<string, number>): number => Object.values(requests).reduce((a, b) => a + b, 0);

test('a first merge of 10 raw files takes 15 requests, cleaning 5; a look for the reference is for all pods', async () => {
  const pods = ['job-one', 'job-two', 'job-three'];
  for (const pod of pods)
    for (let index = 0; index < 10; index++) await store.put(rawKey(index * 60, index, pod), rawBody([index * 60]));
  const { compactor, cleaner } = startCycle(store);

  const merge = { ListObjectsV2: 2, GetObject: 11, PutObject: 2 };
  expect(await requestsOf(compactor.compact('job-one'))).toEqual({ ...merge, ListObjectsV2: 3 });
  const both = Promise.all([compactor.compact('job-two'), compactor.compact('job-three')]);
  expect(await requestsOf(both)).toEqual({ ListObjectsV2: 4, GetObject: 22, PutObject: 4 });
  expect(sum(merge)).toBe(15);

  const clean = await requestsOf(cleaner.clean('job-one'));
  expect(clean).toEqual({ ListObjectsV2: 2, GetObject: 1, DeleteObjects: 1, PutObject: 1 });
  expect(sum(clean)).toBe(5);
});

test('a merge waits for the store four times, however many files it merges at once', async () => {
  const memory = new MemoryObjectStore();
  for (let index = 0; index < 3; index++) await memory.put(rawKey(index * 60, index), rawBody([index * 60]));
  const stepped = new SteppedStore(memory);
  const { options } = startCycle(stepped);
  const work = new Compactor({ ...options, metadata: new MetadataStore(stepped) }).compact(POD);
  void stepped.follow(work);
  await stepped.settle();

  const rounds: string[] = [];
  while (!stepped.isOver) {
    const { pending } = stepped;
    rounds.push(
      pending
        .map((request) => request.split(' ')[0])
        .toSorted()
        .join(' '),
    );
    for (const _ of pending) await stepped.step(0, 'answered');
  }
  // The listing and the metadata; the raw files, and whether there were files before; the merged file; the commit.
  expect(rounds).toEqual(['get list', 'get get get list list', 'put', 'put']);
  expect(await startCycle(memory).text(POD, NAMESPACE)).toBe(textOf([0, 60, 120]));
});

describe.each(['list', 'get'])('another worker merges while the first %s is answered and the other is not', (first) => {
  test.each([
    ['merges', false],
    ['merges and cleans', true],
  ])('and it %s', async (_, cleans) => {
    const memory = new MemoryObjectStore();
    for (let index = 0; index < 3; index++) await memory.put(rawKey(index * 60, index), rawBody([index * 60]));
    const other = startCycle(memory);
    const stepped = new SteppedStore(memory);
    const work = startCycle(stepped).compactor.compact(POD);
    void stepped.follow(work);
    await stepped.settle();

    await stepped.step(
      stepped.pending.findIndex((request) => request.startsWith(first)),
      'answered',
    );
    await other.compactor.compact(POD);
    if (cleans) await other.cleaner.clean(POD);
    await memory.put(rawKey(180, 3), rawBody([180]));
    while (!stepped.isOver) await stepped.step(0, 'answered');
    await work;
    await other.compactor.compact(POD);
    expect(await other.text(POD, NAMESPACE)).toBe(textOf([0, 60, 120, 180]));
    const { metadata } = await other.options.metadata.read(POD);
    expect(metadata.log_files.reduce((records, file) => records + file.records_count, 0)).toBe(4);
  });
});
