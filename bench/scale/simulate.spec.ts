import { describe, expect, it } from '@jest/globals';
import { ask } from './ask.ts';
import { DEFAULT_INTERVALS, type JobClass } from './model/job-class.ts';
import { DEFAULT_LATENCY } from './model/latency.ts';
import { S3_LIMITS } from './model/request-limits.ts';
import type { PodLife } from './life/pod-life.ts';

const OPTIONS = { seed: 3, latency: DEFAULT_LATENCY, intervals: DEFAULT_INTERVALS };
const JOB: JobClass = { name: 'job', title: '', minutes: [70, 70], bytesPerMinute: 1_000, pods: 1 };

/** What the seed determines: bytes differ by a few, as keys hold random digits, and with them times. */
const requests = (lives: readonly PodLife[]): unknown =>
  lives.map(({ merging, cleaning, sweeping, ...life }) => ({
    kinds: [merging, cleaning, sweeping].map(({ jobs, usage }) => ({ jobs, ...usage.requests })),
    raw: [life.rawFiles, life.rawBytes, life.residence.rawMs],
    seconds: [merging, cleaning, sweeping].map(({ waitedMs }) => Math.round(waitedMs / 10)),
  }));

describe('the simulation', () => {
  it('merges, cleans and in the end forgets, the same way for the same seed', async () => {
    const [one, same] = await Promise.all([1, 2].map(() => ask({ kind: 'lives', job: JOB, options: OPTIONS })));
    expect(requests(one?.lives ?? [])).toEqual(requests(same?.lives ?? []));
    const [life] = one?.lives ?? [];
    expect(life).toMatchObject({ rawFiles: 70, log: { files: 1 } });
    // Raw files come for 70 minutes; merged after the first, an hour later, and another hour later.
    expect(life?.merging.jobs).toBe(3);
    const { retention = 0, tombstoneAge } = DEFAULT_INTERVALS;
    const days = (life?.residence.metadataMs ?? 0) / 86_400_000;
    expect(days).toBeGreaterThan((retention + tombstoneAge) / 86_400_000);
    expect(days).toBeLessThan((retention + tombstoneAge) / 86_400_000 + 3);
    expect(one?.tail[0]?.usage.requests).toMatchObject({ LIST: 1, PUT: 0, DELETE: 0 });
  });

  it('holds back what a bucket has no room for', async () => {
    const fleet = {
      ...OPTIONS,
      pods: 40,
      filesPerPod: 1,
      fileBytes: 500,
      workers: 4,
      concurrency: 4,
      cpuMsPerRequest: 0,
    };
    const free = await ask({ kind: 'fleet', options: { ...fleet, limits: S3_LIMITS } });
    const busy = await ask({ kind: 'fleet', options: { ...fleet, limits: { writes: 20, reads: 1_000 } } });
    expect(free.heldBack).toBe(0);
    expect(busy.heldBack).toBeGreaterThan(0.1);
    expect(busy.writesPerSecond).toBeLessThan(25);
    expect(busy.podsPerSecond).toBeLessThan(free.podsPerSecond / 2);
  });

  it('loses commits to others, and scans by pages', async () => {
    const [alone, four] = await ask({ kind: 'commits', committers: [1, 4], options: OPTIONS });
    expect(alone?.lost).toBe(0);
    expect(four?.lost).toBeGreaterThan(0.3);
    const [scan] = await ask({
      kind: 'scans',
      pods: [2_500],
      listMs: [50],
      options: { ...OPTIONS, latency: { ...DEFAULT_LATENCY, spread: 0 } },
    });
    expect(scan).toEqual({ pods: 2_500, listMs: 50, requests: 3, seconds: 0.15 });
  });
});
