import { addUsage, allRequests, AREAS, type Area, NO_USAGE, scaleUsage, type Usage } from '../store/usage.ts';
import type { PodLife, Work } from '../life/pod-life.ts';
import type { RedisCosts } from '../sections/redis.ts';
import { DAY, type Intervals } from './job-class.ts';

/** Keys of a page of a listing: S3's most. */
export const PAGE = 1_000;

/** The mean of lives. @throws RangeError without lives */
export function meanLife(lives: readonly PodLife[]): PodLife {
  if (lives.length === 0) throw new RangeError('no lives');
  const mean = (of: (life: PodLife) => number): number => lives.reduce((sum, life) => sum + of(life), 0) / lives.length;
  const meanWork = (of: (life: PodLife) => Work): Work => ({
    jobs: mean((life) => of(life).jobs),
    cpuMs: mean((life) => of(life).cpuMs),
    waitedMs: mean((life) => of(life).waitedMs),
    usage: scaleUsage(
      lives.reduce((sum, life) => addUsage(sum, of(life).usage), NO_USAGE),
      1 / lives.length,
    ),
  });
  return {
    rawFiles: mean(({ rawFiles }) => rawFiles),
    rawBytes: mean(({ rawBytes }) => rawBytes),
    lines: mean(({ lines }) => lines),
    writtenBytes: mean(({ writtenBytes }) => writtenBytes),
    commits: mean(({ commits }) => commits),
    merging: meanWork(({ merging }) => merging),
    cleaning: meanWork(({ cleaning }) => cleaning),
    sweeping: meanWork(({ sweeping }) => sweeping),
    residence: {
      rawByteMs: mean(({ residence }) => residence.rawByteMs),
      keptByteMs: mean(({ residence }) => residence.keptByteMs),
      rawMs: mean(({ residence }) => residence.rawMs),
      metadataMs: mean(({ residence }) => residence.metadataMs),
    },
    log: {
      files: mean(({ log }) => log.files),
      storedBytes: mean(({ log }) => log.storedBytes),
      metadataBytes: mean(({ log }) => log.metadataBytes),
    },
  };
}

/** Pods of one kind, and how many of them begin (and in the long run end) every day. */
export interface Stream {
  readonly life: PodLife;
  readonly perDay: number;
}

/** What is measured once, whatever the jobs are. */
export interface UnitCosts {
  /** Processor time of the S3 client for a request, ms. */
  readonly clientMsPerRequest: number;
  readonly redis: Pick<
    RedisCosts,
    'restingBytes' | 'compactionBytes' | 'cleaningBytes' | 'redisMsPerPod' | 'workerMsPerPod'
  >;
  /** A page of a listing, and a pod whose metadata a sweep reads, in seconds. */
  readonly secondsPerPage: number;
  readonly secondsPerSweptPod: number;
}

/** A day of everything, when as many pods end as begin. */
export interface DayOfLoad {
  readonly jobs: number;
  readonly rawBytes: number;
  /** PUTs of Fluent Bit. */
  readonly uploads: number;
  readonly merging: Usage;
  readonly cleaning: Usage;
  readonly sweeping: Usage;
  /** Pages that scans, and sweeps, list. */
  readonly scanPages: number;
  readonly sweepPages: number;
  /** Requests a second by area, Fluent Bit's and the scans' included; the mean of the day. */
  readonly writesPerSecond: Readonly<Record<Area, number>>;
  readonly readsPerSecond: Readonly<Record<Area, number>>;
  /** Processors that are busy all the time: with the workers' code, the S3 client, the queues. */
  readonly cores: { readonly work: number; readonly client: number; readonly queues: number };
  /** Jobs that are worked on at any time: places of CONCURRENCY. */
  readonly places: number;
  /** Bytes at any time. */
  readonly rawStored: number;
  readonly keptStored: number;
  /** Pods at any time: with raw files, with metadata. */
  readonly podsWithRaw: number;
  readonly podsKept: number;
  readonly redisCores: number;
  readonly redisBytes: number;
  readonly scanSeconds: number;
  readonly sweepSeconds: number;
}

/** Waiting compactions at most: docs/adr/0014. */
const MOST_WAITING = 10_999;

/** What streams of pods come to. Everything is a sum over pods, except pages, which hold many. */
export function extrapolate(streams: readonly Stream[], intervals: Intervals, costs: UnitCosts): DayOfLoad {
  const sum = (of: (life: PodLife) => number): number =>
    streams.reduce((total, { life, perDay }) => total + perDay * of(life), 0);
  const usage = (of: (life: PodLife) => Work): Usage =>
    streams.reduce((total, { life, perDay }) => addUsage(total, of(life).usage, perDay), NO_USAGE);
  const [merging, cleaning, sweeping] = [
    usage((life) => life.merging),
    usage((life) => life.cleaning),
    usage((life) => life.sweeping),
  ];
  const uploads = sum(({ rawFiles }) => rawFiles);
  const podsWithRaw = sum(({ residence }) => residence.rawMs) / DAY;
  const podsKept = sum(({ residence }) => residence.metadataMs) / DAY;
  const scanPages = Math.ceil(podsWithRaw / PAGE) * (DAY / intervals.scan);
  const sweepPages = Math.ceil(podsKept / PAGE) * (DAY / intervals.sweep);
  const all = addUsage(addUsage(merging, cleaning), sweeping);
  const work = (of: (work: Work) => number): number =>
    sum(({ merging, cleaning, sweeping }) => of(merging) + of(cleaning) + of(sweeping));
  const requests = allRequests(all) + scanPages + sweepPages;
  const queueJobs = work(({ jobs }) => jobs);
  // Measured for a compaction and a cleaning together.
  const queueMs = (queueJobs / 2) * costs.redis.workerMsPerPod;
  const workMs = work(({ cpuMs }) => cpuMs);
  const clientMs = requests * costs.clientMsPerRequest;
  const perSecond = (counts: Readonly<Record<Area, number>>, more: Partial<Record<Area, number>>) =>
    Object.fromEntries(AREAS.map((area) => [area, (counts[area] + (more[area] ?? 0)) / (DAY / 1e3)])) as Record<
      Area,
      number
    >;
  const resting = sum(({ merging }) => merging.jobs) * (intervals.compaction / DAY);
  const waitingCleanings = sum(({ cleaning }) => cleaning.jobs) * (intervals.cleanupDelay / DAY);
  return {
    jobs: streams.reduce((total, { perDay }) => total + perDay, 0),
    rawBytes: sum(({ rawBytes }) => rawBytes),
    uploads,
    merging,
    cleaning,
    sweeping,
    scanPages,
    sweepPages,
    writesPerSecond: perSecond(all.writes, { raw: uploads }),
    readsPerSecond: perSecond(all.reads, { raw: scanPages, metadata: sweepPages }),
    cores: { work: workMs / DAY, client: clientMs / DAY, queues: queueMs / DAY },
    places: (work(({ waitedMs }) => waitedMs) + workMs + clientMs) / DAY,
    rawStored: sum(({ residence }) => residence.rawByteMs) / DAY,
    keptStored: sum(({ residence }) => residence.keptByteMs) / DAY,
    podsWithRaw,
    podsKept,
    redisCores: ((queueJobs / 2) * costs.redis.redisMsPerPod) / DAY,
    redisBytes:
      resting * costs.redis.restingBytes +
      waitingCleanings * costs.redis.cleaningBytes +
      MOST_WAITING * costs.redis.compactionBytes,
    scanSeconds: Math.ceil(podsWithRaw / PAGE) * costs.secondsPerPage,
    sweepSeconds: podsKept * costs.secondsPerSweptPod,
  };
}
