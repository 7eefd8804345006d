import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  applyDeletion,
  applyForgetting,
  applyMerge,
  deletedUntil,
  deletesByAge,
  dueForCleaning,
  dueTombstones,
  emptyPodMetadata,
  expiredInstances,
  formatStamp,
  isSpent,
  KEEP_FOR_EVER,
  keptFor,
  type LogFile,
  parsePodMetadata,
  type PodMetadata,
  type RetentionInput,
  type RetentionRules,
  serializePodMetadata,
} from './index.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 20, 10);
const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)] as const;
const COMMIT = { commitId: 'c', now: NOW };
const forDays = (days: number): RetentionRules => ({ byNamespace: [], otherwise: days * DAY });

const fileOf = (containerId: string, lastRecord: number, change: Partial<LogFile> = {}): LogFile => ({
  key: `data/job/${containerId}/202611201000_${lastRecord.toString()}.gz`,
  records_count: 2,
  size: 100,
  first_record_time: formatStamp(lastRecord - 1000),
  last_record_time: formatStamp(lastRecord),
  order_time: formatStamp(lastRecord - 1000),
  end_order_time: formatStamp(lastRecord),
  namespace: 'ns',
  container: 'main',
  container_id: containerId,
  stored_size: 50,
  ...change,
});
const podWith = (...files: LogFile[]): PodMetadata => ({ ...emptyPodMetadata(), log_files: files });
const input = (change: Partial<RetentionInput> = {}): RetentionInput => ({
  rules: forDays(30),
  legacyNamespace: undefined,
  now: NOW,
  hasUnmerged: () => false,
  ...change,
});
const expiredIds = (metadata: PodMetadata, change?: Partial<RetentionInput>): string[] =>
  expiredInstances(metadata, input(change)).map(({ containerId }) => containerId);

describe('how long a namespace keeps logs', () => {
  const rules: RetentionRules = {
    byNamespace: [
      { pattern: 'dev-*', keepMs: 7 },
      { pattern: 'prod', keepMs: undefined },
      { pattern: 'a*b*c', keepMs: 3 },
    ],
    otherwise: 30,
  };

  test.each([
    ['dev-1', 7],
    ['dev-', 7],
    ['dev', 30],
    ['my-dev-1', 30],
    ['prod', undefined],
    ['prod-1', 30],
    ['abc', 3],
    ['aXbXbXc', 3],
    ['ac', 30],
    ['abcd', 30],
  ])('%s', (namespace, keepMs) => expect(keptFor(rules, namespace)).toBe(keepMs));

  test('a namespace that nothing tells is kept for ever', () => expect(keptFor(forDays(1), undefined)).toBeUndefined());

  test('the first pattern that fits decides', () => {
    const byNamespace = [
      { pattern: '*', keepMs: 1 },
      { pattern: 'x', keepMs: 2 },
    ];
    expect(keptFor({ byNamespace, otherwise: undefined }, 'x')).toBe(1);
  });

  test('a pattern means what a regular expression would', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 6 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 6 });
    fc.assert(
      fc.property(word, pattern, (namespace, glob) => {
        const expected = new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(namespace) ? 1 : undefined;
        expect(keptFor({ byNamespace: [{ pattern: glob, keepMs: 1 }], otherwise: undefined }, namespace)).toBe(
          expected,
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('whether anything is deleted by age', () => {
    const some = { pattern: 'x', keepMs: 1 };
    expect([KEEP_FOR_EVER, { ...KEEP_FOR_EVER, byNamespace: [some] }, forDays(1)].map(deletesByAge)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('expired', () => {
  test('is an instance whose last record is older, in whichever of its files', () => {
    const at = (...ages: number[]) => podWith(...ages.map((age) => fileOf(OLD, NOW - age)));
    expect(expiredIds(at(30 * DAY))).toEqual([OLD]);
    expect(expiredIds(at(30 * DAY - 1))).toEqual([]);
    expect(expiredIds(at(40 * DAY, 29 * DAY, 50 * DAY))).toEqual([]);
    expect(expiredIds(at(40 * DAY, 50 * DAY))).toEqual([OLD]);
  });

  test('is not its pod: another run of the same name is looked at for itself', () => {
    const [deletion, ...others] = expiredInstances(
      podWith(fileOf(OLD, NOW - 31 * DAY), fileOf(NEW, NOW - DAY)),
      input(),
    );
    expect(others).toEqual([]);
    expect(deletion).toEqual({
      namespace: 'ns',
      container: 'main',
      containerId: OLD,
      until: NOW - 30 * DAY,
      reason: 'retention',
      files: [fileOf(OLD, NOW - 31 * DAY).key],
      damaged: [],
      lastRecord: NOW - 31 * DAY,
      keptFor: 30 * DAY,
      bytes: 50,
      records: 2,
    });
  });

  test.each<[string, Partial<LogFile>]>([
    ['its last record', { last_record_time: 'nonsense' }],
    ['how late its first record is ordered', { order_time: formatStamp(NOW) }],
    ['how late its last record is ordered', { end_order_time: formatStamp(NOW) }],
    ['a first record after the last one', { first_record_time: formatStamp(NOW) }],
  ])('is no instance that may be newer by %s', (_, change) => {
    expect(expiredIds(podWith(fileOf(OLD, NOW - 31 * DAY, change)))).toEqual([]);
  });

  test('is no instance with raw files that are not merged', () => {
    const metadata = podWith(fileOf(OLD, NOW - 31 * DAY), fileOf(NEW, NOW - 31 * DAY));
    const hasUnmerged = (namespace: string, id: string) => namespace === 'ns' && id === OLD;
    expect(expiredIds(metadata, { hasUnmerged })).toEqual([NEW]);
  });

  test('is no pod with fields of a later program, nor with pages of older entries', () => {
    const metadata = podWith(fileOf(OLD, NOW - 31 * DAY));
    expect(expiredIds({ ...metadata, older: [] })).toEqual([OLD]);
    expect(expiredIds({ ...metadata, older: ['metadata/job/1.json'] })).toEqual([]);
    expect(expiredIds({ ...metadata, more_files: [] })).toEqual([]);
  });

  test('is a file of the reference only when it was also written so long ago: its times are hints', () => {
    const at = (written: string, last: number) => {
      const { key: _, namespace: _n, container: _c, container_id: _i, ...file } = fileOf(OLD, last);
      return podWith({ ...file, key: `logs/job/${OLD}/${written}_1.gz` });
    };
    const legacy = { legacyNamespace: 'ns' };
    expect(expiredIds(at('202610191000', NOW - 40 * DAY), legacy)).toEqual([OLD]);
    expect(expiredIds(at('202610211000', NOW - 40 * DAY), legacy)).toEqual([]);
    expect(expiredIds(at('202610191000', NOW - 20 * DAY), legacy)).toEqual([]);
    // Nothing tells whose it is.
    expect(expiredIds(at('202610191000', NOW - 40 * DAY))).toEqual([]);
  });

  test('is what was damaged, by the date in its key, when nothing else is left', () => {
    const damaged = (date: string) => ({
      key: `kube.var.log.containers.job_ns_main-${OLD}.log/${date}__1.gz`,
      etag: 'e',
      reason: 'gzip',
      kept_as: `damaged/${date}`,
    });
    const metadata = { ...emptyPodMetadata(), damaged: [damaged('202609010000'), damaged('202609010001')] };
    expect(expiredInstances(metadata, input())).toMatchObject([
      { containerId: OLD, container: 'main', files: [], damaged: ['damaged/202609010000', 'damaged/202609010001'] },
    ]);
    expect(expiredIds({ ...metadata, log_files: [fileOf(OLD, NOW - DAY)] })).toEqual([]);
    const recent = { ...metadata, damaged: [damaged('202609010000'), damaged('202611200000')] };
    expect(expiredIds(recent)).toEqual([]);
  });
});

describe('a deletion', () => {
  const damaged = {
    key: `kube.var.log.containers.job_ns_main-${OLD}.log/202609010000__1.gz`,
    etag: 'e',
    reason: 'gzip',
    kept_as: 'damaged/1',
  };
  const before = {
    ...podWith(fileOf(OLD, NOW - 31 * DAY), fileOf(NEW, NOW), fileOf(OLD, NOW - 32 * DAY)),
    damaged: [damaged],
  };
  const after = applyDeletion(before, expiredInstances(before, input()), COMMIT);

  test('lists what there was as superseded from now on, and leaves a tombstone', () => {
    const stamp = formatStamp(NOW);
    expect(parsePodMetadata(serializePodMetadata(after))).toEqual({
      ...before,
      commit_id: 'c',
      log_files: [fileOf(NEW, NOW)],
      damaged: [],
      superseded: [before.log_files[0]?.key, before.log_files[2]?.key, 'damaged/1'].map((key) => ({
        key,
        since: stamp,
      })),
      deleted: [
        {
          namespace: 'ns',
          container: 'main',
          container_id: OLD,
          until: formatStamp(NOW - 30 * DAY),
          deleted_at: stamp,
          reason: 'retention',
        },
      ],
    });
    expect(dueForCleaning(after, NOW + 999, 1000).superseded).toEqual([]);
    expect(dueForCleaning(after, NOW + 1000, 1000).superseded).toHaveLength(3);
  });

  test('of an instance that was deleted before keeps one tombstone, with the later time', () => {
    const again = (until: number) =>
      applyDeletion(
        after,
        [{ namespace: 'ns', container: 'main', containerId: OLD, until, reason: 'request', files: [], damaged: [] }],
        { commitId: 'd', now: NOW + DAY },
      ).deleted;
    const expected = { container_id: OLD, deleted_at: formatStamp(NOW + DAY), reason: 'request' };
    expect(again(NOW)).toEqual([expect.objectContaining({ ...expected, until: formatStamp(NOW) })]);
    expect(again(NOW - 90 * DAY)).toEqual([
      expect.objectContaining({ ...expected, until: formatStamp(NOW - 30 * DAY) }),
    ]);
  });

  test('limits records of its instance alone', () => {
    expect(deletedUntil(after, 'ns', OLD)).toEqual({ seconds: (NOW - 30 * DAY) / 1000, nanos: 0 });
    expect([
      deletedUntil(after, 'ns', NEW),
      deletedUntil(after, 'other', OLD),
      deletedUntil(after, undefined, OLD),
    ]).toEqual([undefined, undefined, undefined]);
  });

  test('does not take away a copy of a damaged object that has arrived once more', () => {
    const merge = { written: [], replaced: [], mergedRaw: [], damaged: [damaged] };
    expect(applyMerge(after, merge, COMMIT).superseded.map(({ key }) => key)).not.toContain('damaged/1');
  });

  describe('is forgotten', () => {
    const needs = { tombstoneAge: 7 * DAY, legacyNamespace: undefined, hasRawFiles: () => false };
    const dueAt = (metadata: PodMetadata, now: number, change = {}) =>
      dueTombstones(metadata, now, { ...needs, ...change }).map(({ container_id }) => container_id);

    test('when its time is over', () => {
      expect(dueAt(after, NOW + 7 * DAY - 1)).toEqual([]);
      expect(dueAt(after, NOW + 7 * DAY)).toEqual([OLD]);
    });

    test('but not while there are raw files, or newer ones were merged', () => {
      const hasRawFiles = (namespace: string, id: string) => namespace === 'ns' && id === OLD;
      expect(dueAt(after, NOW + 8 * DAY, { hasRawFiles })).toEqual([]);
      const newer = { ...after, log_files: [...after.log_files, fileOf(OLD, NOW)] };
      expect(dueAt(newer, NOW + 8 * DAY)).toEqual([]);
      expect(dueAt({ ...after, damaged: [damaged] }, NOW + 8 * DAY)).toEqual([]);
      expect(dueAt({ ...after, from_a_later_program: 1 }, NOW + 8 * DAY)).toEqual([]);
    });

    test('and only then nothing is left', () => {
      const cleaned = { ...after, log_files: [], superseded: [] };
      expect(isSpent(cleaned)).toBe(false);
      const forgotten = applyForgetting(cleaned, cleaned.deleted, { commitId: 'e' });
      expect(forgotten).toEqual({ ...cleaned, commit_id: 'e', deleted: [] });
      expect(isSpent(forgotten)).toBe(true);
      for (const list of ['log_files', 'merged_raw', 'superseded', 'damaged', 'deleted'] as const) {
        expect(isSpent({ ...forgotten, [list]: [{}] as never })).toBe(false);
      }
      expect(isSpent({ ...forgotten, from_a_later_program: 1 })).toBe(false);
    });
  });
});

test('metadata of the reference: whole logs expire, by what is known of them', () => {
  const text = readFileSync(join(import.meta.dirname, '../fixtures/v1/03-compacted-fresh.json'), 'utf8');
  const metadata = parsePodMetadata(text);
  const [expired] = expiredInstances(metadata, input({ now: Date.UTC(2027, 0, 1), legacyNamespace: 'legacy' }));
  expect(expired).toMatchObject({
    namespace: 'legacy',
    files: metadata.log_files.map(({ key }) => key),
    lastRecord: Date.UTC(2026, 10, 21, 1, 12),
  });
  expect(expired?.container).toMatch(/^job-/);
});
