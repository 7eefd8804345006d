import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  applyClean,
  applyFence,
  applyMerge,
  emptyPodMetadata,
  isReferenceFile,
  MetadataError,
  ownerOf,
  parsePodMetadata,
  type PodMetadata,
  serializePodMetadata,
} from './index.ts';
import { currentSchema } from './schema.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
/** Has every field of the schema. */
const FULL = 'v2/full-with-lone.json';
const fixture = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8');
const namesIn = (version: string): string[] => readdirSync(join(FIXTURES, version)).map((name) => `${version}/${name}`);
/** With undefined fields gone, as they are in the bucket. */
const stored = (metadata: PodMetadata): unknown => JSON.parse(serializePodMetadata(metadata));

describe('golden files', () => {
  test.each(namesIn('v1'))('%s, of the reference, comes out in the current version', (name) => {
    const reference = JSON.parse(fixture(name)) as { last_merged_key: string };
    expect(parsePodMetadata(fixture(name))).toEqual({
      ...reference,
      version: 2,
      commit_id: '',
      merged_raw: [],
      superseded: [],
      damaged: [],
      deleted: [],
      reference_last_merged_key: reference.last_merged_key,
    });
  });

  test.each(namesIn('v2'))('%s comes out as it is', (name) => {
    // Lists that came later than the file are empty.
    expect(stored(parsePodMetadata(fixture(name)))).toEqual({ deleted: [], ...(JSON.parse(fixture(name)) as object) });
  });

  test('the full one has every field of the schema, and so has its second file', () => {
    const full = JSON.parse(fixture(FULL)) as { log_files: object[] };
    const { shape } = currentSchema;
    expect(full).toMatchObject(Object.fromEntries(Object.keys(shape).map((name) => [name, expect.anything()])));
    const file = Object.keys(shape.log_files.element.shape);
    expect(full.log_files[1]).toMatchObject(Object.fromEntries(file.map((name) => [name, expect.anything()])));
  });

  test('a pod that the reference has not merged yet', () => {
    const empty = { log_files: [], last_compaction_time: null, last_merged_key: null };
    expect(stored(parsePodMetadata(JSON.stringify(empty)))).toEqual({
      ...(stored(emptyPodMetadata()) as object),
      ...empty,
    });
    // It would make orphans of all files that there are.
    expect(() => parsePodMetadata('{}')).toThrow('log_files');
    expect(() => parsePodMetadata('{"version":2,"commit_id":"x"}')).toThrow('log_files');
  });
});

test('unknown fields survive every transition, at every level', () => {
  const commit = { commitId: 'next', now: Date.UTC(2026, 10, 20, 11) };
  const before = parsePodMetadata(fixture(FULL));
  const merged = applyMerge(before, { written: [], replaced: [], mergedRaw: [], damaged: [] }, commit);
  const after = parsePodMetadata(
    serializePodMetadata(applyFence(applyClean(merged, { superseded: [], raw: [] }, commit), commit)),
  );
  expect(stored(after)).toEqual({
    ...(JSON.parse(fixture(FULL)) as object),
    commit_id: 'next',
    last_compaction_time: '2026-11-20T11:00:00.000000+00:00',
  });
});

describe('what cannot be used says why', () => {
  const full = JSON.parse(fixture(FULL)) as Record<string, unknown> & { log_files: object[]; deleted: object[] };
  const withFile = (change: object): object => ({ ...full, log_files: [{ ...full.log_files[0], ...change }] });
  const failure = (text: string): unknown => {
    try {
      return parsePodMetadata(text);
    } catch (error) {
      return error;
    }
  };

  test.each(['', '{"version":2', 'null x', '<html>', '\ufeff'])('%j is not JSON', (text) => {
    expect(failure(text)).toBeInstanceOf(MetadataError);
    expect(failure(text)).toMatchObject({ reason: 'not JSON' });
  });

  test.each([3, 2.5, 100])('version %d is newer, whatever else it holds', (version) => {
    for (const value of [{ version }, { ...full, version }, { version, log_files: 'elsewhere' }]) {
      expect(failure(JSON.stringify(value))).toMatchObject({
        name: 'MetadataError',
        reason: 'newer version',
        message: expect.stringContaining(`newer version: ${version}`),
      });
    }
  });

  test.each<[string, unknown, string]>([
    ['null', null, 'the whole'],
    ['an array', [], 'the whole'],
    ['text', 'metadata', 'the whole'],
    ['an older version', { ...full, version: 1 }, 'version'],
    ['a version that is no number', { ...full, version: '2' }, 'version'],
    ['a null version', { ...full, version: null }, 'version'],
    ['no commit id', { ...full, commit_id: undefined }, 'commit_id'],
    ['files that are no list', { ...full, log_files: {} }, 'log_files'],
    ['a file without a key', withFile({ key: undefined }), 'log_files.0.key'],
    ['a negative count', withFile({ records_count: -1 }), 'log_files.0.records_count'],
    ['a broken count', withFile({ records_count: 1.5 }), 'log_files.0.records_count'],
    ['a size that is text', withFile({ size: '12' }), 'log_files.0.size'],
    ['a stream that there is not', withFile({ opens_inside: ['stdin'] }), 'log_files.0.opens_inside.0'],
    ['a merged version without ETag', { ...full, merged_raw: [{ key: 'k', merged_at: 't' }] }, 'merged_raw.0.etag'],
    ['a superseded file without date', { ...full, superseded: [{ key: 'k' }] }, 'superseded.0.since'],
    ['a tombstone without time', { ...full, deleted: [{ ...full.deleted[0], until: 'ever' }] }, 'deleted.0.until'],
    ['a tombstone without reason', { ...full, deleted: [{ ...full.deleted[0], reason: '' }] }, 'deleted.0.reason'],
    ['merged raw null', { ...full, merged_raw: null }, 'merged_raw'],
    ['a reference file without a key', { log_files: [{ records_count: 1 }] }, 'log_files.0.key'],
  ])('%s', (_, value, place) => {
    expect(failure(JSON.stringify(value))).toMatchObject({
      name: 'MetadataError',
      reason: 'not pod metadata',
      message: expect.stringContaining(`${place}: `),
    });
  });
});

describe('whose a file is', () => {
  const metadata = parsePodMetadata(fixture(FULL));
  const [reference, ours] = metadata.log_files;

  test('ours says so itself', () => {
    expect(isReferenceFile(ours!)).toBe(false);
    expect(ownerOf(ours!, metadata, 'legacy')).toEqual({
      namespace: 'team-1',
      container: 'job-a',
      containerId: '92112d194fb48e40c4fd840bb870f2be67bd9ac8619ede563c062544b4c12ecb',
    });
  });

  test('one of the reference is of LEGACY_NAMESPACE, else of that which the reference merged last', () => {
    expect(isReferenceFile(reference!)).toBe(true);
    const namespaceWith = (legacy: string | undefined, of = metadata) => ownerOf(reference!, of, legacy).namespace;
    expect(namespaceWith('legacy')).toBe('legacy');
    expect(namespaceWith(undefined)).toBe('team-1');
    expect(namespaceWith(undefined, { ...metadata, reference_last_merged_key: 'no key' })).toBeUndefined();
    expect(ownerOf(reference!, metadata, undefined)).toMatchObject({
      container: undefined,
      containerId: '92112d194fb48e40c4fd840bb870f2be67bd9ac8619ede563c062544b4c12ecb',
    });
  });
});
