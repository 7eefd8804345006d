import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  applyClean,
  applyFence,
  applyMerge,
  dueForCleaning,
  emptyPodMetadata,
  findOrphans,
  type LogFile,
  mergedVersions,
  parsePodMetadata,
  type PodMetadata,
  serializePodMetadata,
} from './index.ts';

/**
 * Several workers on one value: each starts from what it has read, and commits only when nobody has committed since. Whatever they do, in
 * whatever order, with whatever a newer version has added to the metadata.
 */

const DELAY = 60_000;
const WORKERS = 3;

type Step =
  /** A worker reads what is there, and prepares this. */
  | { readonly do: 'merge'; readonly worker: number; readonly raw: readonly number[]; readonly replace: number }
  | { readonly do: 'clean' | 'fence' | 'commit'; readonly worker: number }
  | { readonly do: 'wait'; readonly ms: number };

const worker = fc.nat(WORKERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('merge' as const),
    worker,
    raw: fc.uniqueArray(fc.nat(7), { maxLength: 3 }),
    replace: fc.nat(2),
  }),
  fc.record({ do: fc.constantFrom('clean' as const, 'fence' as const), worker }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), worker }) },
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, DELAY / 2, DELAY) }),
);

/** Four keys, each with two contents. */
const rawVersion = (n: number): { key: string; etag: string } => ({ key: `raw/${n % 4}`, etag: n < 4 ? 'a' : 'b' });

const logFile = (key: string): LogFile => ({
  key,
  records_count: 1,
  size: 10,
  first_record_time: '2026-11-20T10:00:00+00:00',
  last_record_time: '2026-11-20T10:00:00+00:00',
  from_the_future: key,
});

/** Metadata with fields that are not known here, in every place. */
const withUnknownFields: PodMetadata = parsePodMetadata(
  JSON.stringify({
    ...emptyPodMetadata(),
    unknown: { deep: ['value'] },
    log_files: [{ ...logFile('data/0'), unknown: 1 }],
    damaged: [{ key: 'raw/x', etag: 'x', reason: 'r', kept_as: 'k', unknown: 2 }],
  }),
);

interface Prepared {
  readonly from: string;
  /** What the worker's clock said: a commit may come much later. */
  readonly at: number;
  readonly next: PodMetadata;
  readonly merged: readonly { key: string; etag: string }[];
}

test('any number of workers: nothing is listed twice or too early, membership is exact, what is not known stays', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let now = Date.UTC(2026, 10, 20);
      let files = 0;
      let commits = 0;
      let stored = serializePodMetadata(withUnknownFields);
      const prepared = new Map<number, Prepared>();
      /** When each version was merged, by what was committed. */
      const mergedAt = new Map<string, number>();
      const written = new Set(['data/0']);
      const tooEarly: unknown[] = [];

      for (const one of steps) {
        const metadata = parsePodMetadata(stored);
        const commit = { commitId: `c${(++commits).toString()}`, now };
        if (one.do === 'wait') now += one.ms;
        else if (one.do === 'merge') {
          const isMerged = mergedVersions(metadata);
          const merged = one.raw.map(rawVersion).filter((raw) => !isMerged(raw));
          const key = `data/${(++files).toString()}`;
          written.add(key);
          const replaced = metadata.log_files.slice(metadata.log_files.length - one.replace).map((file) => file.key);
          const merge = { written: [logFile(key)], replaced, mergedRaw: merged, damaged: [] };
          prepared.set(one.worker, { from: stored, at: now, next: applyMerge(metadata, merge, commit), merged });
        } else if (one.do === 'clean') {
          const due = dueForCleaning(metadata, now, DELAY);
          const early = due.raw.filter(({ key, etag }) => (mergedAt.get(key + etag) ?? Infinity) > now - DELAY);
          tooEarly.push(...early);
          prepared.set(one.worker, { from: stored, at: now, next: applyClean(metadata, due, commit), merged: [] });
        } else if (one.do === 'fence') {
          prepared.set(one.worker, { from: stored, at: now, next: applyFence(metadata, commit), merged: [] });
        } else {
          const ready = prepared.get(one.worker);
          prepared.delete(one.worker);
          if (ready?.from !== stored) continue;
          stored = serializePodMetadata(ready.next);
          for (const { key, etag } of ready.merged) mergedAt.set(key + etag, ready.at);
        }
        expectSound(parsePodMetadata(stored), written, now);
      }
      expect(tooEarly).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

function expectSound(metadata: PodMetadata, written: ReadonlySet<string>, now: number): void {
  const keys = [...metadata.log_files, ...metadata.superseded].map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  const versions = metadata.merged_raw.map(({ key, etag }) => `${key} ${etag}`);
  expect(new Set(versions).size).toBe(versions.length);

  const isMerged = mergedVersions(metadata);
  for (let n = 0; n < 8; n++) {
    const { key, etag } = rawVersion(n);
    expect(isMerged({ key, etag })).toBe(versions.includes(`${key} ${etag}`));
  }
  // Orphans and listed files are all there is, and have nothing in common.
  const all = [...written].map((key) => ({ key, lastModified: now }));
  const { due } = findOrphans(metadata, all, now, 0);
  expect([...due, ...keys].toSorted()).toEqual(
    [...written].filter((key) => [...due, ...keys].includes(key)).toSorted(),
  );
  expect(due.filter((key) => keys.includes(key))).toEqual([]);

  expect(metadata['unknown']).toEqual({ deep: ['value'] });
  expect(metadata.damaged).toEqual(withUnknownFields.damaged);
  for (const file of metadata.log_files) expect(file['from_the_future']).toBe(file.key);
  expect(parsePodMetadata(serializePodMetadata(metadata))).toEqual(metadata);
}
