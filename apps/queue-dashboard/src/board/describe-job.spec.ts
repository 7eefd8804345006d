import type { ResultOf } from '@cordwood/queues';
import { describe, expect, test } from '@jest/globals';
import { type DescribableJob, describeJob, describeResult, logUrl } from './describe-job.ts';
import { formatBytes, formatDuration } from './units.ts';

const MERGED: ResultOf<'compact'> = {
  durationMs: 350,
  result: 'merged',
  namespaces: ['team-a'],
  rawFiles: 12,
  rawBytes: 1_500_000,
  records: 1,
  mergedFiles: 1,
  mergedBytes: 100,
  deletedFiles: 3,
  damaged: 0,
  leftRaw: 0,
};
const job = (parts: Partial<DescribableJob> = {}): DescribableJob => ({
  data: { pod: 'job-5a1f' },
  progress: 0,
  returnvalue: null,
  attemptsMade: 0,
  ...parts,
});

describe('a row', () => {
  test.each<[string, Parameters<typeof describeJob>]>([
    ['compact job-5a1f', ['compact', job()]],
    [
      'compact team-a/job-5a1f: merged 12 raw files (1.4 MiB, 1 record) in 350 ms',
      ['compact', job({ returnvalue: MERGED })],
    ],
    [
      'compact a, b/job-5a1f: merged 12 raw files (1.4 MiB, 1 record), 2 DAMAGED, 7 left for later in 350 ms',
      ['compact', job({ returnvalue: { ...MERGED, namespaces: ['a', 'b'], damaged: 2, leftRaw: 7 } })],
    ],
    [
      'compact team-a/job-5a1f: deleted 3 files in 350 ms',
      ['compact', job({ returnvalue: { ...MERGED, result: 'cleaned' } })],
    ],
    [
      'compact team-a/job-5a1f: nothing was new in 350 ms',
      ['compact', job({ returnvalue: { ...MERGED, result: 'idle' } })],
    ],
    [
      'compact job-5a1f: failed after 6 tries (1.5 s): S3 is away',
      ['compact', job({ failedReason: 'S3 is away', attemptsMade: 6, processedOn: 1_000, finishedOn: 2_500 })],
    ],
    [
      'compact team-a/job-5a1f: failed with 12 raw files (1.4 MiB) after 6 tries (1.5 s): S3 is away',
      [
        'compact',
        job({
          progress: { namespaces: ['team-a'], rawFiles: 12, rawBytes: 1_500_000 },
          failedReason: 'S3 is away',
          attemptsMade: 6,
          processedOn: 1_000,
          finishedOn: 2_500,
        }),
      ],
    ],
    [
      'clean team-a/job-5a1f: will be tried again: S3 is away',
      ['clean', job({ progress: { namespaces: ['team-a'] }, failedReason: 'S3 is away', attemptsMade: 1 })],
    ],
    [
      'clean job-5a1f: will be tried again after 2 tries: S3 is away',
      ['clean', job({ failedReason: 'S3 is away', attemptsMade: 2, processedOn: 1_000 })],
    ],
    [
      // Of a worker of an earlier version.
      'clean job-5a1f: deleted 1 file in 20 ms',
      [
        'clean',
        job({
          returnvalue: {
            durationMs: 20,
            result: 'finished',
            deletedRaw: 1,
            deletedSuperseded: 0,
            deletedOrphans: 0,
            expiredInstances: 0,
            expiredBytes: 0,
          },
        }),
      ],
    ],
    // A job that comes again is not done.
    [
      'clean team-a/job-5a1f: deleted 9 files, dropped 1 old log in 20 ms; more is due later',
      [
        'clean',
        job({
          progress: {
            durationMs: 20,
            result: 'again',
            namespaces: ['team-a'],
            deletedRaw: 7,
            deletedSuperseded: 1,
            deletedOrphans: 1,
            expiredInstances: 1,
            expiredBytes: 5,
          },
        }),
      ],
    ],
    [
      'scan: saw 1000 pods, queued 5, left 1 alone that failed in 2.0 s',
      [
        'scan',
        job({
          data: {},
          returnvalue: { durationMs: 2_000, pods: 1_000, due: 6, enqueued: 5, leftAlone: 1, toTheEnd: true },
        }),
      ],
    ],
    [
      'sweep: saw 1 pod, queued 0, 1 UNREADABLE in 1 min 5 s',
      ['sweep', job({ data: {}, returnvalue: { durationMs: 65_000, pods: 1, due: 0, unreadable: 1 } })],
    ],
    // Of a worker of another version, or whatever stands in Redis.
    ['compact job-5a1f', ['compact', job({ returnvalue: { some: 'thing' }, progress: 50 })]],
    ['compact', ['compact', job({ data: { pod: 7 } })]],
    ['compact', ['compact', job({ data: undefined })]],
  ])('%s', (expected, [name, described]) => {
    expect(describeJob(name, described)).toBe(expected);
  });

  test('a long reason is cut', () => {
    const text = describeJob('compact', job({ failedReason: 'x'.repeat(5_000), finishedOn: 1 }));
    expect(text).toMatch(/^compact job-5a1f: failed: x{200}…$/);
  });
});

test('details have units', () => {
  expect(describeResult('compact', MERGED)).toMatchObject({
    duration: '350 ms',
    'raw files': 12,
    'raw bytes': '1.4 MiB',
    namespaces: ['team-a'],
  });
  expect(describeResult('compact', { namespaces: ['a'], rawFiles: 2, rawBytes: 2_048 })).toEqual({
    namespaces: ['a'],
    'raw files': 2,
    'raw bytes': '2.0 KiB',
  });
  expect(describeResult('compact', 'else')).toBe('else');
});

test('the log is in the reader', () => {
  const query = 'tail=1000&timestamps=true&follow=false';
  const at = 'https://logs.example/base/api/v1/jobs/job-5a1f/log';
  expect(logUrl('https://logs.example/base/', 'clean', job())).toBe(`${at}?${query}`);
  expect(logUrl('https://logs.example/base', 'compact', job({ returnvalue: MERGED }))).toBe(
    `${at}?${query}&namespace=team-a`,
  );
  expect(logUrl('https://logs.example/base', 'clean', job({ progress: { namespaces: ['team-a'] } }))).toBe(
    `${at}?${query}&namespace=team-a`,
  );
  expect(logUrl('https://logs.example', 'compact', job({ data: { pod: 'a/../b' } }))).toContain('/jobs/a%2F..%2Fb/log');
  expect(logUrl('https://logs.example', 'scan', job({ data: {} }))).toBeUndefined();
  expect(logUrl(undefined, 'compact', job())).toBeUndefined();
});

test('units', () => {
  expect([0, 1_023, 1_024, 1_024 ** 2 * 1.5, 1_024 ** 5].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 MiB',
    '1024.0 TiB',
  ]);
  expect([0, 999, 1_000, 65_000, 3_900_000].map(formatDuration)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '1 min 5 s',
    '1 h 5 min',
  ]);
});
