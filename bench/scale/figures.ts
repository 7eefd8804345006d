import { ask } from './ask.ts';
import { type DayOfLoad, extrapolate, meanLife, type UnitCosts } from './model/extrapolate.ts';
import { DAY, type Intervals, JOB_CLASSES, type JobClass, SERVICE_CLASSES } from './model/job-class.ts';
import type { PodLife } from './life/pod-life.ts';
import type { Options } from './options.ts';
import { besideFloor } from '../floor.ts';
import { mergeOverHttp, type OverHttp } from './sections/client.ts';
import type { Commits } from './sections/commits.ts';
import type { Fleet } from './sections/fleet.ts';
import type { Scan, Sweep } from './sections/listings.ts';
import type { Lives, ReadCost } from './sections/lives.ts';
import type { MetadataCost } from './sections/metadata.ts';
import { measureRedis, type RedisCosts } from './sections/redis.ts';

export interface ClassFigures {
  readonly job: JobClass;
  readonly life: PodLife;
  readonly whole: ReadCost;
  readonly tail: ReadCost;
}

export interface FleetFigures extends Fleet {
  readonly workers: number;
  readonly concurrency: number;
}

/** A pod that logs at one rate, after some time: its metadata. */
export interface History extends MetadataCost {
  readonly rate: string;
  readonly after: string;
  readonly mb: number;
}

export interface Load {
  readonly name: string;
  readonly day: DayOfLoad;
}

/** All that was simulated and measured, and what follows from it. */
export interface ScaleFigures {
  readonly classes: readonly ClassFigures[];
  readonly histories: readonly History[];
  readonly scans: readonly Scan[];
  readonly sweep: Sweep;
  readonly fleets: readonly FleetFigures[];
  readonly commits: readonly Commits[];
  readonly redis: RedisCosts;
  readonly checks: readonly Check[];
  readonly costs: UnitCosts;
  readonly loads: readonly Load[];
  readonly variants: readonly Load[];
  /** What `gzip -6` reached on this machine at the time, MB per CPU-second. */
  readonly floor: number;
}

/** Pods that were merged in memory and over HTTP; figures of one. */
export interface Check {
  readonly title: string;
  readonly inMemory: Fleet;
  readonly overHttp: OverHttp;
}

const SCANNED = [1_000, 10_000, 100_000];
const LIST_MS = [20, 50, 100];
const SWEPT = 5_000;
const FLEETS = [
  { workers: 1, concurrency: 2 },
  { workers: 1, concurrency: 16 },
  { workers: 4, concurrency: 16 },
  { workers: 16, concurrency: 16 },
  { workers: 32, concurrency: 16 },
];
const FLEET_WORK = { pods: 1_200, filesPerPod: 2, fileBytes: 3_000 };
/** The S3 client is weighed with the first; the second tells whether that holds for others. */
const CHECKED = [
  { title: '10 files of 10 KB', work: { pods: 150, filesPerPod: 10, fileBytes: 10_000 } },
  { title: '2 files of 3 KB', work: { pods: 150, filesPerPod: 2, fileBytes: 3_000 } },
];
const COMMITTERS = [1, 2, 4, 8];
const HOUR = 60;
const HOUR_MS = 3_600_000;
/** What an operator may change, one thing at a time. */
const VARIANTS: readonly {
  readonly name: string;
  readonly intervals?: Partial<Intervals>;
  readonly minutesPerFile?: number;
}[] = [
  { name: 'as it is' },
  { name: 'SWEEP_INTERVAL=7d', intervals: { sweep: 7 * DAY } },
  { name: 'COMPACTION_INTERVAL=4h', intervals: { compaction: 4 * HOUR_MS } },
  { name: 'RETENTION=7d', intervals: { retention: 7 * DAY } },
  { name: 'Fluent Bit: `upload_timeout 10m`', minutesPerFile: 10 },
];
/** Of each kind. */
const VARIANT_PODS = [16, 2, 1];
const AFTER = { 'an hour': HOUR, 'a day': 24 * HOUR, 'a week': 7 * 24 * HOUR, 'a year': 365 * 24 * HOUR };

/** Simulates and measures everything; `note` is told of each part that is done. */
export async function collect(options: Options, note: (done: string) => void): Promise<ScaleFigures> {
  const { floor, got } = await besideFloor(() => collectAll(options, note));
  return { ...got, floor };
}

async function collectAll(options: Options, note: (done: string) => void): Promise<Omit<ScaleFigures, 'floor'>> {
  const { seed, latency, intervals } = options;
  const simulation = { seed, latency, intervals };
  const lives = new Map<string, Lives>();
  for (const job of [...JOB_CLASSES, ...SERVICE_CLASSES]) {
    lives.set(job.name, await ask({ kind: 'lives', job, options: simulation }));
    note(job.title);
  }
  const classes = [...JOB_CLASSES, ...SERVICE_CLASSES].map((job): ClassFigures => {
    const found = lives.get(job.name);
    const [whole, tail] = [found?.whole[0], found?.tail[0]];
    if (found === undefined || whole === undefined || tail === undefined) throw new Error(`${job.name} was not read`);
    return { job, life: meanLife(found.lives), whole, tail };
  });
  const histories = [
    ...(await historiesOf('10 KB a minute', classOf(classes, 'service'), lives)),
    ...(await historiesOf('1 MB a minute', classOf(classes, 'chatty-service'), lives)),
  ];
  note('metadata');
  const sample = lives.get('hour')?.metadata ?? '';
  const scans = await ask({ kind: 'scans', pods: SCANNED, listMs: LIST_MS, options: simulation });
  const sweep = await ask({ kind: 'sweep', pods: SWEPT, metadata: sample, options: simulation });
  note('scans and sweeps');
  const commits = await ask({ kind: 'commits', committers: COMMITTERS, options: simulation });
  const redis = await measureRedis();
  note('Redis');
  const { checks, clientMsPerRequest, ownMsPerRequest } = await checkSums(options);
  note('the S3 client');
  const fleets: FleetFigures[] = [];
  for (const size of FLEETS) {
    const cpuMsPerRequest = clientMsPerRequest + ownMsPerRequest;
    const fleet = { ...simulation, ...FLEET_WORK, ...size, limits: options.limits, cpuMsPerRequest };
    fleets.push({ ...size, ...(await ask({ kind: 'fleet', options: fleet })) });
  }
  note('workers on a backlog');
  const costs = {
    clientMsPerRequest,
    redis,
    secondsPerPage: latency.listMs / 1e3,
    secondsPerSweptPod: sweep.seconds / sweep.pods,
  };
  const loads = loadsOf(classes, options, costs);
  const variants = await variantsOf(options, costs, note);
  return { classes, histories, scans, sweep, fleets, commits, redis, checks, costs, loads, variants };
}

/** Merges the same pods in memory and over HTTP: the difference is the S3 client's. */
async function checkSums({ seed, latency, intervals, limits }: Options) {
  const overHttp = await mergeOverHttp(CHECKED.map(({ work }) => work));
  const checks: Check[] = [];
  for (const [index, { title, work }] of CHECKED.entries()) {
    const idle = { seed, latency, intervals, limits, workers: 1, concurrency: 2, cpuMsPerRequest: 0 };
    const inMemory = await ask({ kind: 'fleet', options: { ...idle, ...work } });
    const measured = overHttp[index];
    if (measured !== undefined) checks.push({ title, inMemory, overHttp: measured });
  }
  const [first] = checks;
  if (first === undefined) throw new Error('nothing was merged');
  return {
    checks,
    clientMsPerRequest: (first.overHttp.cpuMs - first.inMemory.cpuMsPerPod) / first.overHttp.requests,
    ownMsPerRequest: first.inMemory.cpuMsPerPod / first.inMemory.requestsPerPod,
  };
}

/** The jobs again, fewer of them, as they are and with one thing changed. */
async function variantsOf(options: Options, costs: UnitCosts, note: (done: string) => void): Promise<Load[]> {
  const { seed, latency, jobs, mix } = options;
  const variants: Load[] = [];
  for (const { name, intervals: changed = {}, minutesPerFile = 1 } of VARIANTS) {
    const intervals = { ...options.intervals, ...changed };
    const streams = [];
    for (const [index, job] of JOB_CLASSES.entries()) {
      const fewer = { ...job, pods: VARIANT_PODS[index] ?? 1, minutesPerFile };
      const { lives } = await ask({ kind: 'lives', job: fewer, options: { seed, latency, intervals } });
      streams.push({ life: meanLife(lives), perDay: jobs * (mix[job.name] ?? 0) });
    }
    variants.push({ name, day: extrapolate(streams, intervals, costs) });
    note(`jobs, ${name}`);
  }
  return variants;
}

function classOf(classes: readonly ClassFigures[], name: string): ClassFigures {
  const found = classes.find(({ job }) => job.name === name);
  if (found === undefined) throw new Error(`there is no kind of job ${name}`);
  return found;
}

/** As many files as there would be at the simulated pod's files per byte, in metadata that consists of its entries. */
async function historiesOf(
  rate: string,
  { job, life }: ClassFigures,
  lives: ReadonlyMap<string, Lives>,
): Promise<History[]> {
  const perByte = life.log.files / life.rawBytes;
  const rows = Object.entries(AFTER).map(([after, minutes]) => {
    const bytes = minutes * job.bytesPerMinute;
    return { rate, after, mb: bytes / 1e6, files: Math.max(1, Math.round(bytes * perByte)) };
  });
  const files = rows.map((row) => row.files);
  const measured = await ask({ kind: 'metadata', sample: lives.get(job.name)?.metadata ?? '', files });
  return rows.flatMap((row, index) => {
    const cost = measured[index];
    return cost === undefined ? [] : [{ ...row, ...cost }];
  });
}

function loadsOf(
  classes: readonly ClassFigures[],
  { jobs, mix, services, tb, intervals }: Options,
  costs: UnitCosts,
): Load[] {
  const stream = (name: string, perDay: number) => ({ life: classOf(classes, name).life, perDay });
  const ofBytes = (name: string) => stream(name, (tb * 1e12) / classOf(classes, name).life.rawBytes);
  const service = classOf(classes, 'service');
  const mixed = [
    ...Object.entries(mix).map(([name, share]) => stream(name, jobs * share)),
    // So many at any time: each is as good as one that begins anew when its simulated time is over.
    stream('service', services / (service.job.minutes[0] / (24 * HOUR))),
  ];
  const load = (name: string, streams: typeof mixed): Load => ({ name, day: extrapolate(streams, intervals, costs) });
  const number = new Intl.NumberFormat('en-US');
  return [
    load(`${number.format(jobs)} jobs a day`, mixed),
    load(`${number.format(tb)} TB a day, 1 MB a file`, [ofBytes('chatty')]),
    load(`${number.format(tb)} TB a day, 10 KB a file`, [ofBytes('hour')]),
  ];
}
