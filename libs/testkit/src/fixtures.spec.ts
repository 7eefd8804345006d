import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FLUENT_BIT_SCENARIOS, fluentBitScenario, REFERENCE_BUCKETS, referenceBucket } from './fixtures.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sums = (path: string) =>
  readFileSync(join(FIXTURES, path, 'manifest.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { sha256: string }).sha256);

describe.each(FLUENT_BIT_SCENARIOS)('Fluent Bit scenario %s', (name) => {
  const { uploads, instances } = fluentBitScenario(name);

  test('holds the recorded bytes, in order of arrival', () => {
    expect(uploads.map(({ body }) => sha256(body))).toEqual(sums(`fluent-bit/${name}`));
    expect(uploads.map(({ order }) => order)).toEqual(uploads.map((_, index) => index));
  });

  test('tells what to read of every instance: nothing, where nothing was uploaded', () => {
    const tag = (each: (typeof instances)[number]) =>
      `${each.pod}_${each.namespace}_${each.container}-${each.containerId}`;
    const uploaded = new Set(
      uploads.map(({ key }) => key.replace(/^kube\.var\.log\.containers\.(.*)\.log\/.*$/, '$1')),
    );
    expect(uploaded.difference(new Set(instances.map(tag)))).toEqual(new Set());
    const withText = instances.filter(({ expected }) => expected.length > 0);
    expect(withText.filter((each) => !uploaded.has(tag(each)))).toEqual([]);
  });
});

test('overwritten uploads keep their place', () => {
  const { uploads } = fluentBitScenario('restart_samemin_loststore');
  const again = uploads.filter(({ key }, index) => uploads.some((other, at) => at < index && other.key === key));
  expect(again).toHaveLength(6);
});

test('the one wrong expectation is put right', () => {
  const { instances } = fluentBitScenario('e_multiline_cri');
  const noncri = instances.find(({ pod }) => pod === 'job-noncri-0001');
  expect(noncri?.expected.includes('\ndocker json-file line\n2026-11-20T10:00:02')).toBe(true);
});

describe.each(REFERENCE_BUCKETS)('reference bucket %s', (name) => {
  test('holds the recorded objects and reads', () => {
    const { objects, reads } = referenceBucket(name);
    expect(objects.map(({ body }) => sha256(body))).toEqual(sums(`reference/${name}`));
    expect(reads.length).toBeGreaterThan(0);
  });
});
