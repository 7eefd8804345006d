/** A kind of job: how long it logs, and how much. */
export interface JobClass {
  readonly name: string;
  readonly title: string;
  /** Of logging: from, up to and including. */
  readonly minutes: readonly [number, number];
  /** Of the log as Fluent Bit stores it, uncompressed. */
  readonly bytesPerMinute: number;
  /** Fluent Bit's `upload_timeout`. Default 1: a raw file a minute. */
  readonly minutesPerFile?: number;
  /** How many are simulated. */
  readonly pods: number;
}

/** Jobs that end. */
export const JOB_CLASSES: readonly JobClass[] = [
  { name: 'short', title: '1 to 3 minutes, 3 KB a minute', minutes: [1, 3], bytesPerMinute: 3_000, pods: 60 },
  { name: 'hour', title: 'an hour, 10 KB a minute', minutes: [60, 60], bytesPerMinute: 10_000, pods: 8 },
  { name: 'chatty', title: 'an hour, 1 MB a minute', minutes: [60, 60], bytesPerMinute: 1e6, pods: 1 },
];

/** Jobs that do not: as long as is simulated of them. */
export const SERVICE_CLASSES: readonly JobClass[] = [
  {
    name: 'service',
    title: 'a service for 4 days, 10 KB a minute',
    minutes: [4 * 24 * 60, 4 * 24 * 60],
    bytesPerMinute: 10_000,
    pods: 1,
  },
  {
    name: 'chatty-service',
    title: 'a service for 3 hours, 1 MB a minute',
    minutes: [3 * 60, 3 * 60],
    bytesPerMinute: 1e6,
    pods: 1,
  },
];

/** Settings of the apps that the simulation goes by, in ms. */
export interface Intervals {
  readonly scan: number;
  readonly compaction: number;
  readonly cleanupDelay: number;
  readonly orphanAge: number;
  readonly sweep: number;
  readonly tombstoneAge: number;
  /** RETENTION; undefined: off. */
  readonly retention: number | undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The apps' defaults, but with a RETENTION: a log that is kept for ever costs for ever. */
export const DEFAULT_INTERVALS: Intervals = {
  scan: MINUTE,
  compaction: HOUR,
  cleanupDelay: 15 * MINUTE,
  orphanAge: 6 * HOUR,
  sweep: DAY,
  tombstoneAge: 7 * DAY,
  retention: 30 * DAY,
};
