import { formatRawKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { startCycle } from './cycle-harness.ts';
import { planBatches } from './plan.ts';

const POD = 'job-many';
const LIMITS = { keepUpTo: 1_000_000, keptBytes: 1_000_000, files: 10 };

async function putFiles(store: MemoryObjectStore, count: number): Promise<string> {
  let text = '';
  for (let index = 0; index < count; index++) {
    const minute = index.toString().padStart(2, '0');
    const key = formatRawKey({
      pod: POD,
      namespace: 'team',
      container: 'main',
      containerId: '0a',
      date: `2026112010${minute}`,
      index: index.toString(),
      logSuffix: true,
      separator: '__',
    });
    const time = `2026-11-20T10:${minute}:00.000000000Z`;
    await store.put(key, Buffer.from(`${JSON.stringify({ time, stream: 'stdout', log: `line ${index}` })}\n`));
    text += `line ${index}\n`;
  }
  return text;
}

test('no more raw files are merged than the metadata may list; the others follow when it is cleaned', async () => {
  const store = new MemoryObjectStore();
  const text = await putFiles(store, 45);
  const cycle = startCycle(store, { limits: { ...LIMITS, listed: 20 }, cleanupDelay: 60_000 });
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 20, leftRaw: 25, commits: 2 });
  // Not before they are cleaned, and without a commit for nothing.
  expect(await cycle.compactor.compact(POD)).toMatchObject({ rawFiles: 0, leftRaw: 25, commits: 0 });
  expect(await cycle.text(POD, 'team')).toBe(text);

  const later = startCycle(store, { limits: { ...LIMITS, listed: 20 }, cleanupDelay: 0 });
  expect(await later.compactor.compact(POD)).toMatchObject({ deletedRaw: 20, rawFiles: 20, leftRaw: 5 });
  expect(await later.compactor.compact(POD)).toMatchObject({ deletedRaw: 20, rawFiles: 5, leftRaw: 0 });
  expect(await cycle.text(POD, 'team')).toBe(text);
});

test('batches are in order of arrival, and each is as large as the limits allow', () => {
  const raw = (index: number, size: number) => ({
    key: `k${index}`,
    etag: 'e',
    size,
    lastModified: index,
    parsed: { date: '202611201000', index: index.toString() } as never,
  });
  const objects = [raw(3, 10), raw(0, 400_000), raw(1, 700_000), raw(2, 5_000_000), raw(4, 10)];
  const names = planBatches(objects, { ...LIMITS, files: 3 }).map((batch) => batch.map(({ key }) => key).join(' '));
  // The third is not held in memory, so its size does not count.
  expect(names).toEqual(['k0', 'k1 k2 k3', 'k4']);
  expect(planBatches([], LIMITS)).toEqual([]);
});
