import type { DayOfLoad } from './extrapolate.ts';
import type { Intervals } from './job-class.ts';
import type { RateLimits } from './request-limits.ts';

/** Something that there is only so much of. */
export interface Limit {
  readonly title: string;
  readonly unit: string;
  readonly capacity: number;
  readonly used: number;
  readonly then: string;
}

export interface Capacities {
  readonly s3: RateLimits;
  /** How many times the mean of a day its busiest minutes are. */
  readonly peak: number;
  readonly redisBytes: number;
  /** CONCURRENCY of a worker. */
  readonly concurrency: number;
}

/** What grows with the number of jobs, the fullest first: at its peak, what follows the jobs; as it is, what is spread over the day. */
export function limitsOf(
  day: DayOfLoad,
  intervals: Intervals,
  { s3, peak, redisBytes, concurrency }: Capacities,
): Limit[] {
  const writes = day.writesPerSecond;
  const reads = day.readsPerSecond;
  const total = ({ raw, data, metadata, other }: typeof writes): number => raw + data + metadata + other;
  const rate = (title: string, capacity: number, used: number, then: string): Limit => ({
    title,
    unit: 'a second',
    capacity,
    used: used * peak,
    then,
  });
  const split =
    'S3 splits a busy bucket by itself, in minutes to hours, and refuses with 503 until then (the client tries again)';
  const limits: Limit[] = [
    rate(
      'writes and deleted keys, whole bucket as one prefix',
      s3.writes,
      total(writes),
      `${split}; a bucket or BUCKET_PREFIX per cluster; larger files from Fluent Bit`,
    ),
    rate(
      'reads and listings, whole bucket as one prefix',
      s3.reads,
      total(reads),
      `${split}; a bucket or BUCKET_PREFIX per cluster; larger files from Fluent Bit`,
    ),
    rate(
      '… raw files: written, deleted',
      s3.writes,
      writes.raw,
      'Fluent Bit: larger `total_file_size`, longer `upload_timeout`; a bucket or BUCKET_PREFIX per cluster',
    ),
    rate('… merged files: written, deleted', s3.writes, writes.data, 'longer COMPACTION_INTERVAL'),
    rate('… metadata: written', s3.writes, writes.metadata, 'longer COMPACTION_INTERVAL'),
    rate('… metadata: read, listed', s3.reads, reads.metadata, 'longer SWEEP_INTERVAL; shorter RETENTION'),
    {
      title: 'processor of one worker process',
      unit: 'processors',
      capacity: 1,
      used: cores(day) * peak,
      then: 'more workers: any number, side by side',
    },
    {
      title: `places of one worker process (CONCURRENCY=${concurrency})`,
      unit: 'jobs',
      capacity: concurrency,
      used: day.places * peak,
      then: 'more workers, or more CONCURRENCY: a job mostly waits for S3',
    },
    {
      title: 'Redis: processor',
      unit: 'processors',
      capacity: 1,
      used: day.redisCores * peak,
      then: 'a Redis (QUEUE_PREFIX) per bucket',
    },
    {
      title: 'Redis: memory',
      unit: 'MB',
      capacity: redisBytes / 1e6,
      used: (day.redisBytes * peak) / 1e6,
      then: 'more memory; shorter COMPACTION_INTERVAL',
    },
    {
      title: 'a scan, of SCAN_INTERVAL',
      unit: 's',
      capacity: intervals.scan / 1e3,
      used: day.scanSeconds * peak,
      then: 'longer SCAN_INTERVAL (scans do not overlap: it only takes longer); shorter CLEANUP_DELAY',
    },
    {
      title: 'a sweep, of SWEEP_INTERVAL',
      unit: 'h',
      capacity: intervals.sweep / 3.6e6,
      used: day.sweepSeconds / 3_600,
      then: 'longer SWEEP_INTERVAL; shorter RETENTION; a bucket per cluster',
    },
  ];
  return limits.toSorted((a, b) => share(b) - share(a));
}

/** How much of it is used. */
export const share = ({ capacity, used }: Limit): number => used / capacity;

/** Processors that are busy with everything. */
export const cores = ({ cores: { work, client, queues } }: DayOfLoad): number => work + client + queues;
