import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  applyClean,
  applyFence,
  applyMerge,
  dueForCleaning,
  emptyPodMetadata,
  findOrphans,
  formatStamp,
  type LogFile,
  mergedVersions,
  parsePodMetadata,
  type PodMetadata,
  type RawVersion,
  serializePodMetadata,
} from './index.ts';

const DELAY = 15 * 60_000;
const ORPHAN_AGE = 6 * 3_600_000;

/** What may happen to a pod, with choices made by numbers that are taken modulo what there is. */
type Step =
  | { readonly do: 'merge'; readonly write: number; readonly replace: number; readonly raw: readonly RawVersion[] }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'clean'; readonly most: number }
  | { readonly do: 'lose a merge' | 'sweep' };

/** Few keys, so that the same one is merged again with another ETag. */
const rawVersion = fc.record({
  key: fc.constantFrom('raw/1', 'raw/2', 'raw/3'),
  etag: fc.stringMatching(/^[a-h]$/),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('merge' as const),
    write: fc.nat(3),
    replace: fc.nat(2),
    raw: fc.uniqueArray(rawVersion, { maxLength: 3, selector: ({ key, etag }) => key + etag }),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(DELAY), fc.constantFrom(DELAY, ORPHAN_AGE)) }),
  fc.record({ do: fc.constant('clean' as const), most: fc.nat(4) }),
  fc.constantFrom<Step>({ do: 'lose a merge' }, { do: 'sweep' }),
);

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

const logFile = (key: string): LogFile => ({
  key,
  records_count: 1,
  size: 10,
  first_record_time: '2026-11-20T10:00:00+00:00',
  last_record_time: '2026-11-20T10:00:00+00:00',
});

/** The same as lists of what there is and since when, and nothing else. */
class Model {
  now = Date.UTC(2026, 10, 20, 10);
  files = 0;
  commits = 0;
  commitId = '';
  listed: string[] = [];
  superseded: { key: string; at: number }[] = [];
  merged: { raw: RawVersion; at: number }[] = [];
  stored: { key: string; lastModified: number }[] = [];
  /** Files of merges that were never committed. */
  lost: string[] = [];
  metadata: PodMetadata = freeze(emptyPodMetadata());

  private store(): string {
    const key = `data/${++this.files}`;
    this.stored.push({ key, lastModified: this.now });
    return key;
  }

  private commit(next: (metadata: PodMetadata, commit: { commitId: string; now: number }) => PodMetadata): void {
    this.commitId = `c${++this.commits}`;
    this.metadata = freeze(next(this.metadata, { commitId: this.commitId, now: this.now }));
  }

  run(one: Step): void {
    switch (one.do) {
      case 'wait':
        this.now += one.ms;
        return;
      case 'lose a merge':
        this.lost.push(this.store());
        return;
      case 'merge': {
        const isMerged = mergedVersions(this.metadata);
        const mergedRaw = one.raw.filter((raw) => !isMerged(raw));
        const replaced = one.replace === 0 ? [] : this.listed.slice(-one.replace);
        const written = Array.from({ length: one.write + Math.min(replaced.length, 1) }, () => this.store());
        this.commit((metadata, commit) =>
          applyMerge(metadata, { written: written.map(logFile), replaced, mergedRaw, damaged: [] }, commit),
        );
        this.listed = [...this.listed.filter((key) => !replaced.includes(key)), ...written];
        this.superseded.push(...replaced.map((key) => ({ key, at: this.now })));
        this.merged.push(...mergedRaw.map((raw) => ({ raw, at: this.now })));
        return;
      }
      case 'clean': {
        const due = dueForCleaning(this.metadata, this.now, DELAY);
        const superseded = due.superseded.slice(0, one.most);
        const raw = due.raw.slice(0, one.most);
        this.commit((metadata, commit) => applyClean(metadata, { superseded, raw }, commit));
        this.superseded = this.superseded.filter(({ key }) => !superseded.includes(key));
        this.merged = this.merged.filter(
          (each) => !raw.some((r) => r.key === each.raw.key && r.etag === each.raw.etag),
        );
        this.stored = this.stored.filter(({ key }) => !superseded.includes(key));
        return;
      }
      case 'sweep': {
        const { due } = findOrphans(this.metadata, this.stored, this.now, ORPHAN_AGE);
        this.commit(applyFence);
        this.stored = this.stored.filter(({ key }) => !due.includes(key));
      }
    }
  }
}

function expectToAgree(model: Model): void {
  expect(model.metadata.commit_id).toBe(model.commitId);
  expect(parsePodMetadata(serializePodMetadata(model.metadata))).toEqual(model.metadata);
  expect(model.metadata.log_files.map((file) => file.key)).toEqual(model.listed);
  const isMerged = mergedVersions(model.metadata);
  for (const { raw } of model.merged) {
    expect(isMerged(raw)).toBe(true);
    expect(isMerged({ ...raw, etag: `${raw.etag}x` })).toBe(false);
  }
  const dueBy = ({ at }: { at: number }) => at + DELAY <= model.now;
  const waiting = [...model.superseded, ...model.merged].filter((each) => !dueBy(each)).map(({ at }) => at + DELAY);
  expect(dueForCleaning(model.metadata, model.now, DELAY)).toEqual({
    superseded: model.superseded.filter(dueBy).map(({ key }) => key),
    raw: model.merged.filter(dueBy).map(({ raw, at }) => ({ ...raw, merged_at: formatStamp(at) })),
    nextDue: waiting.length === 0 ? undefined : Math.min(...waiting),
  });
  const orphans = model.stored.filter(({ key }) => model.lost.includes(key));
  const young = orphans.map(({ lastModified }) => lastModified + ORPHAN_AGE).filter((at) => at > model.now);
  expect(findOrphans(model.metadata, model.stored, model.now, ORPHAN_AGE)).toEqual({
    due: orphans.filter(({ lastModified }) => lastModified + ORPHAN_AGE <= model.now).map(({ key }) => key),
    nextDue: young.length === 0 ? undefined : Math.min(...young),
  });
  // Nothing that the metadata needs was ever deleted.
  const stored = new Set(model.stored.map(({ key }) => key));
  expect(model.listed.filter((key) => !stored.has(key))).toEqual([]);
}

test('any sequence of merging, cleaning, waiting and sweeping agrees with the model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const model = new Model();
      for (const one of steps) {
        model.run(one);
        expectToAgree(model);
      }
    }),
    { numRuns: 500 },
  );
});

describe('applyMerge', () => {
  const commit = { commitId: 'c', now: Date.UTC(2026, 10, 20, 10, 0, 0, 7) };

  test('states what the reference reads', () => {
    const raw = [1, 2].map((n) => ({ key: `raw/${n}`, etag: 'e' }));
    const after = applyMerge(emptyPodMetadata(), { written: [], replaced: [], mergedRaw: raw, damaged: [] }, commit);
    expect(after).toMatchObject({
      last_merged_key: 'raw/2',
      last_compaction_time: '2026-11-20T10:00:00.007000+00:00',
      merged_raw: raw.map((each) => ({ ...each, merged_at: '2026-11-20T10:00:00.007000+00:00' })),
    });
    const idle = applyMerge(after, { written: [], replaced: [], mergedRaw: [], damaged: [] }, commit);
    expect(idle.last_merged_key).toBe('raw/2');
  });

  test('adds what was damaged to what was before', () => {
    const damaged = { key: 'raw/1', etag: 'e', reason: 'gzip: cut', kept_as: 'damaged/1' };
    const merge = { written: [], replaced: [], mergedRaw: [], damaged: [damaged] };
    const twice = applyMerge(applyMerge(emptyPodMetadata(), merge, commit), merge, commit);
    expect(twice.damaged).toEqual([damaged, damaged]);
  });
});

test('a stamp has microseconds and +00:00, for any time', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 4e12 }), (ms) => {
      const stamp = formatStamp(ms);
      expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      expect(Date.parse(stamp)).toBe(ms);
    }),
  );
});
