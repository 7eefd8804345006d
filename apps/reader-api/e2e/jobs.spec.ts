import { putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { putMerged, type Reader, startReader } from './harness.ts';

interface Page {
  readonly jobs: readonly {
    readonly name: string;
    readonly has_merged_files: boolean;
    readonly has_raw_files: boolean;
  }[];
  readonly next_cursor: string | null;
}

let system: TestSystem;
let reader: Reader;
beforeEach(async () => {
  system = await startTestSystem();
  reader = await startReader(system);
});
afterEach(() => system.close());

const page = async (parameters: Readonly<Record<string, string>>): Promise<Page> =>
  JSON.parse(await reader.text(`/api/v1/jobs?${new URLSearchParams(parameters).toString()}`)) as Page;

/** Names of all pages, and how many each had. */
async function pages(parameters: Readonly<Record<string, string>>): Promise<{ names: string[]; sizes: number[] }> {
  const names: string[] = [];
  const sizes: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const answer: Page = await page({ ...parameters, ...(cursor !== undefined && { cursor }) });
    names.push(...answer.jobs.map(({ name }) => name));
    sizes.push(answer.jobs.length);
    cursor = answer.next_cursor;
  }
  return { names, sizes };
}

test('jobs are listed a page at a time, each once, whether merged or not', async () => {
  const merged = ['a', 'a-b', 'a.b', 'a1', 'b', 'job-1', 'job-10'];
  const raw = ['a', 'a-b', 'a-b.c', 'a0', 'a10', 'b-0', 'job-1', 'job-11'];
  for (const pod of merged) await putMerged(system, { pod, files: [['x']] });
  for (const [index, pod] of raw.entries()) await putRaw(system.store, { pod, index, messages: ['x'] });
  // None of these is a job.
  await system.store.put('metadata/a/1.json', Buffer.from('{}'));
  await system.store.put('metadata/Not_One.json', Buffer.from('{}'));
  await system.store.put('kube.var.log.containers.stray', Buffer.from('x'));
  await system.store.put('kube.var.log.containers.Stray_x', Buffer.from('x'));

  const all = [...new Set([...merged, ...raw])].toSorted((a, b) => (`${a}.json` < `${b}.json` ? -1 : 1));
  expect(await page({})).toEqual({
    jobs: all.map((name) => ({ name, has_merged_files: merged.includes(name), has_raw_files: raw.includes(name) })),
    next_cursor: null,
  });
  for (const limit of [1, 2, 3, 5, all.length - 1, all.length]) {
    const { names, sizes } = await pages({ limit: String(limit) });
    expect(names).toEqual(all);
    expect(sizes.slice(0, -1).every((size) => size === limit)).toBe(true);
  }
  expect((await pages({ prefix: 'job-1', limit: '1' })).names).toEqual(['job-1', 'job-10', 'job-11']);
  expect((await pages({ prefix: 'none' })).names).toEqual([]);
});

test('by namespace', async () => {
  await putRaw(system.store, { pod: 'raw', index: 0, messages: ['x'], namespace: 'one' });
  await putMerged(system, { pod: 'merged', namespace: 'one', files: [['x']] });
  await putMerged(system, { pod: 'both', namespace: 'two', files: [['x']] });
  await putRaw(system.store, { pod: 'both', index: 1, messages: ['x'], namespace: 'one', container: 'y' });
  await putMerged(system, { pod: 'other', namespace: 'two', files: [['x']] });
  // A name that begins with the namespace asked for.
  await putRaw(system.store, { pod: 'longer', index: 2, messages: ['x'], namespace: 'one-more' });

  expect((await pages({ namespace: 'one' })).names).toEqual(['both', 'merged', 'raw']);
  expect((await pages({ namespace: 'two', limit: '1' })).names).toEqual(['both', 'other']);
  const preset = await startReader(system, { JOBS_NAMESPACE: 'two' });
  expect(JSON.parse(await preset.text('/api/v1/jobs'))).toMatchObject({ jobs: [{ name: 'both' }, { name: 'other' }] });
});

test('what there is of a job', async () => {
  await putMerged(system, { pod: 'job', containerId: 'first', files: [['a', 'b'], ['c']] });
  await putRaw(system.store, { pod: 'job', index: 60, messages: ['d'] });
  await putRaw(system.store, { pod: 'job', index: 61, messages: ['e', 'f'] });
  await putRaw(system.store, { pod: 'job', index: 62, messages: ['g'], namespace: 'other', container: 'side' });

  const details = JSON.parse(await reader.text('/api/v1/jobs/job')) as { namespaces: unknown[] };
  const none = { files: 0, stored_bytes: 0, first_date: null, last_date: null };
  expect(details).toEqual({
    name: 'job',
    last_compaction_time: null,
    namespaces: [
      {
        name: 'jobs',
        containers: [
          {
            name: 'job',
            instances: [
              {
                container_id: 'first',
                merged: {
                  files: 2,
                  records: 3,
                  bytes: 3 * '{"time":"2026-11-20T10:00:00.000000000Z","log":"a"}\n'.length,
                  stored_bytes: null,
                  first_record_time: '2026-11-20T10:00:00.000000000Z',
                  last_record_time: '2026-11-20T10:00:00.002000000Z',
                  exact: true,
                },
                raw: none,
              },
              {
                container_id: expect.stringMatching(/^[0-9a-f]{64}$/),
                merged: {
                  files: 0,
                  records: 0,
                  bytes: 0,
                  stored_bytes: 0,
                  first_record_time: null,
                  last_record_time: null,
                  exact: true,
                },
                raw: {
                  files: 2,
                  stored_bytes: expect.any(Number),
                  first_date: '2026-11-20T11:00:00Z',
                  last_date: '2026-11-20T11:01:00Z',
                },
              },
            ],
          },
        ],
      },
      {
        name: 'other',
        containers: [{ name: 'side', instances: [expect.objectContaining({ raw: expect.any(Object) })] }],
      },
    ],
    damaged: [],
    deleted: [],
    stray: [],
  });
  const one = JSON.parse(await reader.text('/api/v1/jobs/job?namespace=other')) as typeof details;
  expect(one.namespaces).toEqual(details.namespaces.slice(1));
});
