import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  compareRawFiles,
  damagedKey,
  formatMergedKey,
  formatMinute,
  formatRawKey,
  type MergedKey,
  metadataKey,
  parseDamagedKey,
  parseMergedKey,
  parseMetadataKey,
  parseMinute,
  parseRawKey,
  podOfRawPrefix,
  type RawKey,
  rawPrefixOfPod,
} from './index.ts';

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const pod = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const date = fc
  .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((d) => formatMinute(d.getTime() / 1000));
const digits = fc.stringMatching(/^\d{1,20}$/);
const id = fc.stringMatching(/^[0-9a-f]{64}$/);

const rawKey: fc.Arbitrary<RawKey> = fc.record({
  pod,
  namespace: label,
  container: pod.filter((name) => name.length <= 63),
  containerId: id,
  date,
  index: digits,
  logSuffix: fc.boolean(),
  separator: fc.constantFrom('_', '__', '___'),
});
const mergedKey: fc.Arbitrary<MergedKey> = fc.record({
  writer: fc.constantFrom('cordwood', 'reference'),
  pod,
  containerId: id,
  date,
  index: digits,
});

describe('inverse pairs', () => {
  test('raw keys', () => {
    fc.assert(
      fc.property(rawKey, (key) => {
        expect(parseRawKey(formatRawKey(key))).toEqual({ ok: true, key });
      }),
    );
  });
  test('raw keys, from text: what parses is spelled the same again', () => {
    const text = fc.tuple(pod, label, fc.stringMatching(/^[a-z0-9._-]{1,20}$/), fc.stringMatching(/^[0-9_]{12,20}$/));
    fc.assert(
      fc.property(text, ([p, ns, rest, file]) => {
        const key = `kube.var.log.containers.${p}_${ns}_${rest}/${file}.gz`;
        const parsed = parseRawKey(key);
        expect(parsed.ok ? formatRawKey(parsed.key) : key).toBe(key);
      }),
    );
  });
  test('merged keys', () => {
    fc.assert(
      fc.property(mergedKey, (key) => {
        expect(parseMergedKey(formatMergedKey(key))).toEqual({ ok: true, key });
      }),
    );
  });
  test('metadata keys, raw prefixes, damaged keys, minutes', () => {
    fc.assert(
      fc.property(pod, rawKey, id, date, (name, raw, etag, minute) => {
        expect(parseMetadataKey(metadataKey(name))).toEqual({ ok: true, key: { pod: name } });
        expect(podOfRawPrefix(rawPrefixOfPod(name))).toBe(name);
        const damaged = { rawKey: formatRawKey(raw), etag };
        expect(parseDamagedKey(damagedKey(damaged))).toEqual({ ok: true, key: damaged });
        expect(formatMinute(parseMinute(minute) ?? NaN)).toBe(minute);
      }),
    );
  });
});

const ID = '92112d194fb48e40c4fd840bb870f2be67bd9ac8619ede563c062544b4c12ecb';
const DIR = `kube.var.log.containers.job-a_ns_c-1-${ID}`;

test('the last dash parts the container from its id, the last of the names keeps its dots', () => {
  expect(
    parseRawKey(
      `kube.var.log.containers.job-dots.v1.2.3-0001_platform-jobs_a-0123456789abcdef-${ID}.log/202611201000__0.gz`,
    ),
  ).toEqual({
    ok: true,
    key: {
      pod: 'job-dots.v1.2.3-0001',
      namespace: 'platform-jobs',
      container: 'a-0123456789abcdef',
      containerId: ID,
      date: '202611201000',
      index: '0',
      logSuffix: true,
      separator: '__',
    },
  });
});

test.each([
  ['other/file', 'not under the prefix'],
  [`${DIR}.log/`, 'folder marker'],
  ['kube.var.log.containers.stray', 'not two levels deep'],
  [`${DIR}/a/202611201000_1.gz`, 'not two levels deep'],
  [`kube.var.log.containers.job-a_ns/202611201000_1.gz`, 'directory is not pod_namespace_container-id'],
  [`kube.var.log.containers.a_b_c_d-${ID}/202611201000_1.gz`, 'directory is not pod_namespace_container-id'],
  ['kube.var.log.containers.job-a_ns_container/202611201000_1.gz', 'no container id'],
  [`kube.var.log.containers.Job_ns_c-${ID}/202611201000_1.gz`, 'name that Kubernetes forbids'],
  [`${DIR}/20261120100_1.gz`, 'file is not date_index.gz'],
  [`${DIR}/202611201000_1.txt`, 'file is not date_index.gz'],
  [`${DIR}/202602301000_1.gz`, 'date that does not exist'],
])('%s is refused: %s', (key, reason) => {
  expect(parseRawKey(key)).toEqual({ ok: false, problem: reason });
});

test('files sort by date, then by index as a number', () => {
  const files = ['202611201000__10', '202611201001__2', '202611201000__8', '202611201000__008'].map((name) => {
    const [minute = '', index = ''] = name.split('__');
    return { date: minute, index };
  });
  expect(files.toSorted(compareRawFiles).map((file) => file.index)).toEqual(['8', '008', '10', '2']);
});
