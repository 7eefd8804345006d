import { describe, expect, it } from '@jest/globals';
import type { PodLife, Work } from '../life/pod-life.ts';
import { NO_USAGE } from '../store/usage.ts';
import { extrapolate, meanLife, type UnitCosts } from './extrapolate.ts';
import { DAY, DEFAULT_INTERVALS } from './job-class.ts';
import { cores, limitsOf, share } from './limits.ts';
import { S3_LIMITS } from './request-limits.ts';

const work = (puts: number): Work => ({
  jobs: 1,
  usage: {
    ...NO_USAGE,
    requests: { ...NO_USAGE.requests, PUT: puts },
    writes: { ...NO_USAGE.writes, data: puts },
  },
  cpuMs: 10,
  waitedMs: 100,
});

const life: PodLife = {
  rawFiles: 3,
  rawBytes: 9_000,
  lines: 30,
  merging: work(2),
  cleaning: work(1),
  sweeping: work(0),
  // Raw files for an hour, the log for two days.
  residence: { rawByteMs: 9_000 * (DAY / 24), keptByteMs: 1_000 * 2 * DAY, rawMs: DAY / 24, metadataMs: 2 * DAY },
  log: { files: 1, storedBytes: 1_000, metadataBytes: 700 },
  writtenBytes: 1_500,
  commits: 2,
};

const costs: UnitCosts = {
  clientMsPerRequest: 2,
  redis: { restingBytes: 100, compactionBytes: 0, cleaningBytes: 1_000, redisMsPerPod: 1, workerMsPerPod: 4 },
  secondsPerPage: 0.05,
  secondsPerSweptPod: 0.001,
};

describe('extrapolate', () => {
  const day = extrapolate([{ life, perDay: 86_400 }], DEFAULT_INTERVALS, costs);

  it('multiplies what one pod takes', () => {
    expect(day).toMatchObject({ jobs: 86_400, uploads: 3 * 86_400, rawBytes: 9_000 * 86_400 });
    expect(day.merging.requests.PUT).toBe(2 * 86_400);
    expect(day.writesPerSecond).toEqual({ raw: 3, data: 3, metadata: 0, other: 0 });
  });

  it('keeps in stock what comes in while it stays (Little)', () => {
    expect(day.podsWithRaw).toBeCloseTo(3_600);
    expect(day.podsKept).toBeCloseTo(2 * 86_400);
    expect(day.rawStored).toBeCloseTo(9_000 * 3_600);
    expect(day.keptStored).toBeCloseTo(1_000 * 2 * 86_400);
  });

  it('lists by pages, as often as the intervals say', () => {
    // 4 pages, every minute; 173 pages, once.
    expect(day.scanPages).toBe(4 * 1_440);
    expect(day.sweepPages).toBe(173);
    expect(day.readsPerSecond.raw).toBeCloseTo((4 * 1_440) / 86_400);
    expect(day.scanSeconds).toBeCloseTo(0.2);
    expect(day.sweepSeconds).toBeCloseTo(172.8);
  });

  it('adds up processors', () => {
    expect(day.cores.work).toBeCloseTo(0.03);
    expect(day.cores.client).toBeCloseTo((2 * (3 * 86_400 + 5_760 + 173)) / DAY);
    // Three jobs are one and a half of the pairs that were measured.
    expect(day.cores.queues).toBeCloseTo(0.006);
    expect(day.redisCores).toBeCloseTo(0.0015);
    expect(cores(day)).toBeCloseTo(day.cores.work + day.cores.client + day.cores.queues);
  });

  it('weighs what Redis knows: an hour of resting pods, a quarter of cleanings', () => {
    expect(day.redisBytes).toBeCloseTo(3_600 * 100 + 900 * 1_000);
  });
});

describe('meanLife', () => {
  it('is the mean of every figure', () => {
    const other = { ...life, rawFiles: 5, merging: work(4), log: { ...life.log, files: 3 } };
    const mean = meanLife([life, other]);
    expect(mean).toMatchObject({ rawFiles: 4, log: { files: 2 }, rawBytes: 9_000 });
    expect(mean.merging).toEqual(work(3));
    expect(mean.residence).toEqual(life.residence);
  });
});

describe('limitsOf', () => {
  it('puts the fullest first, and multiplies by the peak what follows the jobs', () => {
    const day = extrapolate([{ life, perDay: 86_400e3 }], DEFAULT_INTERVALS, costs);
    const limits = limitsOf(day, DEFAULT_INTERVALS, { s3: S3_LIMITS, peak: 2, redisBytes: 1e9, concurrency: 4 });
    const shares = limits.map(share);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    const raw = limits.find(({ title }) => title.startsWith('… raw files'));
    expect(raw).toMatchObject({ capacity: 3_500, used: 6_000 });
    const sweep = limits.find(({ title }) => title.startsWith('a sweep'));
    expect(sweep?.used).toBeCloseTo(day.sweepSeconds / 3_600);
  });
});
