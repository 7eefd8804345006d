import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ANYONE } from '../access/caller.ts';
import { JobCatalogue } from './job-catalogue.ts';
import { type ListedJob, listJobs } from './job-listing.ts';
import { compareJobs, inJobOrder } from './job-order.ts';

/** Few characters, so that many names begin with others; `j` and `s` lie before and after the `j` of `.json`. */
const name = fc
  .array(fc.constantFrom('a', 'j', 's', '0', '9', '-', '.'), { minLength: 1, maxLength: 6 })
  .map((characters) => characters.join(''))
  .filter((text) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text));
const names = fc.uniqueArray(name, { maxLength: 40 });

async function bucket(merged: readonly string[], raw: readonly string[]): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore();
  for (const pod of merged) await store.put(metadataKey(pod), Buffer.from('{}'));
  for (const pod of raw) {
    await store.put(`kube.var.log.containers.${pod}_ns_c-1.log/202611201000__0.gz`, Buffer.from('x'));
  }
  return store;
}

/** As if the store had pages of this size. */
function inPagesOf(store: MemoryObjectStore, pageSize: number): Pick<MemoryObjectStore, 'list'> {
  return { list: (options) => store.list({ ...options, pageSize }) };
}

async function all(store: Pick<MemoryObjectStore, 'list'>, prefix = '', after?: string): Promise<ListedJob[]> {
  const { signal } = new AbortController();
  const jobs: ListedJob[] = [];
  for await (const job of listJobs(store, { prefix, after, expected: 100, signal })) jobs.push(job);
  return jobs;
}

test('every job once, in order, from any other job on', async () => {
  await fc.assert(
    fc.asyncProperty(
      names,
      names,
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('', 'a', 'a0', 'j'),
      async (merged, raw, size, prefix) => {
        const store = inPagesOf(await bucket(merged, raw), size);
        const expected = [...new Set([...merged, ...raw])]
          .filter((pod) => pod.startsWith(prefix))
          .toSorted(compareJobs)
          .map((pod) => ({ name: pod, hasMetadata: merged.includes(pod), hasRawFiles: raw.includes(pod) }));
        expect(await all(store, prefix)).toEqual(expected);
        for (const [index, job] of expected.entries()) {
          expect(await all(store, prefix, job.name)).toEqual(expected.slice(index + 1));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('after a job that is gone since', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, name, async (merged, raw, gone) => {
      const store = inPagesOf(await bucket(merged, raw), 2);
      const expected = [...new Set([...merged, ...raw])]
        .filter((pod) => compareJobs(pod, gone) > 0)
        .toSorted(compareJobs);
      expect((await all(store, '', gone)).map((job) => job.name)).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test('names are held back only while one that belongs before them may come', async () => {
  let asked = 0;
  const pages = async function* () {
    for (const page of [['job-1-a', 'job-1-b'], ['job-10', 'job-11'], ['job-1'], ['job-2']]) {
      asked++;
      yield page;
    }
  };
  const seen: [string, number][] = [];
  for await (const job of inJobOrder(pages())) seen.push([job, asked]);
  expect(seen).toEqual([
    ['job-1-a', 1],
    ['job-1-b', 1],
    ['job-1', 3],
    ['job-10', 3],
    ['job-11', 3],
    ['job-2', 4],
  ]);
});

test('a page asks for no more than it needs', async () => {
  const jobs = Array.from({ length: 3000 }, (_, index) => `job-${index.toString(36).padStart(4, 'x')}`);
  const store = await bucket(jobs, []);
  const catalogue = new JobCatalogue({
    store,
    metadata: { read: () => Promise.reject(new Error('not needed')) },
    legacyNamespace: undefined,
    logger: undefined as never,
  });
  const { signal } = new AbortController();
  const page = await catalogue.page({
    limit: 100,
    after: undefined,
    prefix: '',
    namespace: undefined,
    caller: ANYONE,
    signal,
  });
  expect(page.jobs).toHaveLength(100);
  expect(page.last).toEqual({ name: page.jobs.at(-1)?.name, hidden: false });
  expect(store.requests.get('list')).toBe(2);
});
