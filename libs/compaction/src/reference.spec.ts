import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseTime } from '@cordwood/log-record';
import {
  openTestStore,
  referenceBucket,
  type ReferenceBucketName,
  type ReferenceRead,
  type TestStore,
} from '@cordwood/testkit';
import { type Cycle, expectSameText, readAll, startCycle } from './cycle-harness.ts';

/**
 * Buckets that the Python reference left behind are read as they are and carried on from. Its own output is the truth where it is
 * right (libs/testkit/fixtures/README.md says where it is not).
 */

let opened: TestStore;
beforeAll(async () => {
  opened = await openTestStore();
});
afterAll(async () => opened.close());

async function load(
  name: ReferenceBucketName,
): Promise<{ cycle: Cycle; reads: readonly ReferenceRead[]; pods: Set<string> }> {
  const { store } = opened;
  for await (const page of store.list({ prefix: '' })) await store.deleteMany(page.objects.map(({ key }) => ({ key })));
  const bucket = referenceBucket(name);
  for (const { key, body, contentType } of bucket.objects) await store.put(key, body, { contentType });
  return { cycle: startCycle(store), reads: bucket.reads, pods: new Set(bucket.reads.map(({ pod }) => pod)) };
}

async function read(
  cycle: Cycle,
  { pod, namespace, since, timestamps }: Omit<ReferenceRead, 'expected'>,
): Promise<string> {
  const log = await cycle.reader.open(pod);
  const instances = log.instances.filter((instance) => instance.namespace === namespace);
  return readAll(
    cycle.reader.text(instances, { timestamps, since: since === undefined ? undefined : parseTime(since) }),
  );
}

/** Merges, cleans and does it once more, and looks at each point. */
async function throughTheCycle(
  cycle: Cycle,
  pods: Iterable<string>,
  look: (when: string) => Promise<void>,
): Promise<void> {
  await look('as the reference left it');
  for (const pod of pods) await cycle.compactor.compact(pod);
  await look('after merging');
  for (const pod of pods) await cycle.cleaner.clean(pod);
  await look('after cleaning');
  for (const pod of pods) await cycle.compactor.compact(pod);
  await look('after a second round');
}

/** The reference adds no newline after an empty message; that aside its text of these buckets is right. */
const asReferencePrints = (text: string, timestamps: boolean): string =>
  timestamps ? text.replace(/^(\S+ )\n/gm, '$1') : text.replace(/^\n/gm, '');

const RIGHT: ReferenceBucketName[] = [
  '01-raw-plain',
  '02-raw-gzip',
  '03-compacted-fresh',
  '04-compacted-cleaned',
  '06-resumed',
];

test.each(RIGHT)('%s reads as the reference printed it, from start to end', async (name) => {
  const { cycle, reads, pods } = await load(name);
  const whole = reads.filter(({ since }) => since === undefined);
  expect(whole.length).toBeGreaterThan(0);
  await throughTheCycle(cycle, pods, async (when) => {
    for (const each of whole) {
      const text = asReferencePrints(await read(cycle, each), each.timestamps);
      expectSameText(text, each.expected.toString('latin1'), `${each.pod} ${when}`);
    }
  });
  for await (const page of opened.store.list({ prefix: 'kube.' })) expect(page.objects).toEqual([]);
});

test.each(RIGHT)('%s: since gives exactly the records at or after it', async (name) => {
  const { cycle, reads, pods } = await load(name);
  await throughTheCycle(cycle, pods, async (when) => {
    for (const each of reads) {
      if (each.since === undefined || !each.timestamps) continue;
      // Messages of these buckets are one line each, which begins with the record's time.
      const whole = (await read(cycle, { pod: each.pod, namespace: each.namespace, timestamps: true })).split('\n');
      const since = parseTime(each.since) ?? { seconds: NaN, nanos: 0 };
      const later = whole.filter((line) => {
        const time = parseTime(line.slice(0, line.indexOf(' ')));
        return (
          time === undefined ||
          time.seconds > since.seconds ||
          (time.seconds === since.seconds && time.nanos >= since.nanos)
        );
      });
      expectSameText(await read(cycle, each), later.join('\n'), `${each.pod} since ${each.since} ${when}`);
    }
  });
});

describe('where the reference is wrong', () => {
  test('10-odd-records-raw: no word is lost of a record without time', async () => {
    const { cycle, pods } = await load('10-odd-records-raw');
    await throughTheCycle(cycle, pods, async () => {
      const lines = (await read(cycle, { pod: 'job-odd', namespace: 'default', timestamps: false })).split('\n');
      expect(lines).toContain('no time at all in this one');
      expect(lines).toContain('CRI line without time key');
      expect(lines).toContain('2026-11-20T10:00:05.5Z stdout F');
      expect(lines.filter((line) => line === '')).toHaveLength(3 * 2 + 1);
      expect(lines.length).toBe((26 + 1) * 2 + 1);
    });
  });

  test('11-odd-records-cleaned: what is left of it is kept as it is', async () => {
    const { cycle, pods } = await load('11-odd-records-cleaned');
    let first: string | undefined;
    await throughTheCycle(cycle, pods, async (when) => {
      const text = await read(cycle, { pod: 'job-odd', namespace: 'default', timestamps: true });
      first ??= text;
      expectSameText(text, first, when);
      expect(text).toContain('2026-11-20T10:00:05.500000 all in this one\n');
    });
  });

  test('14-two-namespaces: each namespace has its own log', async () => {
    const { cycle, reads, pods } = await load('14-two-namespaces');
    const ofDefault = reads.find(({ namespace, timestamps }) => namespace === 'default' && !timestamps);
    await throughTheCycle(cycle, pods, async (when) => {
      for (const namespace of ['default', 'other']) {
        const text = await read(cycle, { pod: ofDefault?.pod ?? '', namespace, timestamps: false });
        // Both namespaces' objects hold the same records here.
        expectSameText(text, ofDefault?.expected.toString('latin1') ?? '', `${namespace} ${when}`);
      }
    });
  });

  test('16-late-file-after-cleanup: nothing is shown twice, and since finds what the metadata hides', async () => {
    const { cycle, reads, pods } = await load('16-late-file-after-cleanup');
    const whole = reads.find(({ since, timestamps }) => since === undefined && timestamps);
    await throughTheCycle(cycle, pods, async (when) => {
      const text = await read(cycle, { pod: whole?.pod ?? '', namespace: 'default', timestamps: true });
      expectSameText(text, whole?.expected.toString('latin1') ?? '', when);
      const since = { pod: whole?.pod ?? '', namespace: 'default', timestamps: true, since: '2026-11-20T10:01:00Z' };
      expect((await read(cycle, since)).split('\n')).toHaveLength(90 + 1);
    });
  });

  test('17-empty-data-file: reported, and the rest goes on', async () => {
    const { cycle, reads } = await load('17-empty-data-file');
    const pod = reads[0]?.pod ?? '';
    expect(await read(cycle, { pod, namespace: 'default', timestamps: false })).toBe('');
    expect(cycle.reports).toEqual([
      { key: expect.stringMatching(/^logs\//), reason: '0 records, where the metadata says 90' },
    ]);
    await cycle.compactor.compact(pod);
    await cycle.cleaner.clean(pod);
  });
});
