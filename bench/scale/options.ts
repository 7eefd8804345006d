import { parseArgs } from 'node:util';
import { parseDuration } from '@cordwood/service';
import { DEFAULT_INTERVALS, type Intervals, JOB_CLASSES } from './model/job-class.ts';
import { DEFAULT_LATENCY, type LatencyOptions } from './model/latency.ts';
import { LIST_PRICES, type Prices } from './model/prices.ts';
import { type RateLimits, S3_LIMITS } from './model/request-limits.ts';

export interface Options {
  readonly seed: number;
  /** Jobs that begin every day, shares of their kinds, and services that run all the time. */
  readonly jobs: number;
  readonly mix: Readonly<Record<string, number>>;
  readonly services: number;
  /** TB (10¹² bytes) of raw log a day, in the loads that go by bytes. */
  readonly tb: number;
  /** How many times the mean of a day its busiest minutes are. */
  readonly peak: number;
  readonly prices: Prices;
  readonly latency: LatencyOptions;
  readonly limits: RateLimits;
  readonly intervals: Intervals;
  readonly redisMb: number;
  /** CONCURRENCY of a worker. */
  readonly concurrency: number;
  readonly json: string | undefined;
  readonly write: string | undefined;
}

const DEFAULT_MIX = { short: 0.8, hour: 0.15, chatty: 0.05 };

export const USAGE = `npm run scale -- [options]
  --seed N             when raw files come, and how long requests take; default 1
  --jobs N             jobs a day; default 1000000
  --mix LIST           shares of their kinds; default ${listOf(DEFAULT_MIX)}
  --services N         services that log all the time, beside the jobs; default 1000
  --tb N               TB of raw log a day, in the loads that go by bytes; default 10
  --peak N             how many times the mean of a day its busiest minutes are; default 3
  --price LIST         dollars; default ${listOf(LIST_PRICES)}
  --latency LIST       default ${listOf(DEFAULT_LATENCY)}
  --limit LIST         of a prefix, per second; default ${listOf(S3_LIMITS)}
  --interval LIST      ${Object.keys(DEFAULT_INTERVALS).join(', ')}, as in compaction=2h,retention=off
  --redis-mb N         memory of Redis; default 1024
  --concurrency N      CONCURRENCY of a worker; default 8
  --json FILE          write all figures, unrounded, as JSON
  --write FILE         put the tables between the marks of this Markdown file
  --help               this`;

/** @throws TypeError for what is no option */
export function parseOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: text,
      jobs: text,
      mix: text,
      services: text,
      tb: text,
      peak: text,
      price: text,
      latency: text,
      limit: text,
      interval: text,
      'redis-mb': text,
      concurrency: text,
      json: text,
      write: text,
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const mix = changed('mix', DEFAULT_MIX, values.mix, numberOf);
  const total = Object.values(mix).reduce((sum, share) => sum + share, 0);
  if (Math.abs(total - 1) > 1e-9)
    throw new TypeError(`--mix: the shares of ${namesOf(JOB_CLASSES)} make ${Number(total.toFixed(6))}, not 1`);
  return {
    seed: numberOf('--seed', values.seed ?? '1'),
    jobs: numberOf('--jobs', values.jobs ?? '1000000'),
    mix,
    services: numberOf('--services', values.services ?? '1000'),
    tb: numberOf('--tb', values.tb ?? '10'),
    peak: numberOf('--peak', values.peak ?? '3'),
    prices: changed('price', LIST_PRICES, values.price, numberOf),
    latency: changed('latency', DEFAULT_LATENCY, values.latency, numberOf),
    limits: changed('limit', S3_LIMITS, values.limit, numberOf),
    intervals: changed('interval', DEFAULT_INTERVALS, values.interval, durationOf),
    redisMb: numberOf('--redis-mb', values['redis-mb'] ?? '1024'),
    concurrency: numberOf('--concurrency', values.concurrency ?? '8'),
    json: values.json,
    write: values.write,
  };
}

/** `defaults`, with what a list such as `put=1,get=2` changes of it. */
function changed<T extends object>(
  option: string,
  defaults: T,
  list: string | undefined,
  parse: (what: string, value: string) => number | undefined,
): T {
  const result = { ...defaults };
  for (const entry of (list ?? '').split(',').filter((part) => part !== '')) {
    const [name = '', value = ''] = entry.split('=');
    if (!Object.hasOwn(defaults, name)) {
      throw new TypeError(`--${option}: ${name} is none of ${Object.keys(defaults).join(', ')}`);
    }
    Object.assign(result, { [name]: parse(`--${option} ${name}`, value) });
  }
  return result;
}

function numberOf(what: string, value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new TypeError(`${what} takes a number from 0 on`);
  return number;
}

function durationOf(what: string, value: string): number | undefined {
  if (what.endsWith(' retention') && value === 'off') return undefined;
  const ms = parseDuration(value);
  if (ms === undefined || ms <= 0) throw new TypeError(`${what} takes a duration, such as 90s or 1h`);
  return ms;
}

function listOf(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',');
}

const namesOf = (classes: readonly { readonly name: string }[]): string => classes.map(({ name }) => name).join(', ');
