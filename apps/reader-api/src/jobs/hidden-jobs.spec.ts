import { MetadataStore } from '@cordwood/log-store';
import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import type { Caller } from '../access/caller.ts';
import { JobCatalogue, MOST_LOOKED_AT } from './job-catalogue.ts';

/** What a page tells somebody of jobs that they may not read. */

const { signal } = new AbortController();
const eve: Caller = {
  user: 'eve',
  may: async (_verb, namespace) => namespace === 'mine',
  mayEverything: async () => false,
};

async function catalogueOf(jobs: Readonly<Record<string, string>>): Promise<JobCatalogue> {
  const store = new MemoryObjectStore();
  for (const [job, namespace] of Object.entries(jobs)) {
    await store.put(`kube.var.log.containers.${job}_${namespace}_c-1.log/202611201000__0.gz`, Buffer.from('x'));
  }
  return new JobCatalogue({
    store,
    metadata: new MetadataStore(store),
    legacyNamespace: undefined,
    logger: undefined as never,
  });
}

const page = (catalogue: JobCatalogue, limit: number, after?: string) =>
  catalogue.page({ limit, after, prefix: 'train-', namespace: undefined, caller: eve, signal });

const hidden = (count: number, prefix = 'train-z') =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${String(n).padStart(5, '0')}`, 'secret']));

test.each([1, 2, 3, 100])('nothing, by pages of %d', async (limit) => {
  const own = { 'train-b': 'mine', 'train-x': 'mine' };
  for (const mine of [{}, own]) {
    const alone = await catalogueOf(mine);
    const among = await catalogueOf({ ...hidden(40, 'train-a'), ...hidden(40), ...mine });
    for (const after of [undefined, 'train-b', 'train-x', 'train-z']) {
      expect(await page(among, limit, after)).toEqual(await page(alone, limit, after));
    }
  }
});

test('that there are very many; and pages go on behind them', async () => {
  const catalogue = await catalogueOf({ ...hidden(MOST_LOOKED_AT + 5, 'train-a'), 'train-b': 'mine' });
  const first = await page(catalogue, 1);
  expect(first).toMatchObject({ jobs: [], last: { hidden: true } });
  expect(await page(catalogue, 1, first.last?.name)).toMatchObject({ jobs: [{ name: 'train-b' }], last: undefined });
});
