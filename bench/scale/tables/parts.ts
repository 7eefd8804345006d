import type { Table } from '../../report/table.ts';
import type { ScaleFigures } from '../figures.ts';
import type { Intervals } from '../model/job-class.ts';
import type { LatencyOptions } from '../model/latency.ts';
import { PRICE_TITLES } from '../model/prices.ts';
import type { Options } from '../options.ts';

const what = { key: 'what', title: '' };

const LATENCY_TITLES: Readonly<Record<keyof LatencyOptions, string>> = {
  getMs: 'GET, HEAD: ms to the first byte, median',
  putMs: 'PUT, COPY',
  listMs: 'a page of a listing',
  deleteMs: 'DELETE',
  spread: '… spread around it (σ of the logarithm)',
  bytesPerSecond: 'one connection, bytes a second',
};

const INTERVAL_TITLES: Readonly<Record<keyof Intervals, string>> = {
  scan: 'SCAN_INTERVAL',
  compaction: 'COMPACTION_INTERVAL',
  cleanupDelay: 'CLEANUP_DELAY',
  orphanAge: 'ORPHAN_AGE',
  sweep: 'SWEEP_INTERVAL',
  tombstoneAge: 'TOMBSTONE_AGE',
  retention: 'RETENTION',
};

const named = <T extends object>(values: T): [keyof T & string, T[keyof T]][] =>
  Object.entries(values) as [keyof T & string, T[keyof T]][];

/** Everything that was assumed, and the option that changes it. */
export function assumptions(options: Options): Table {
  const { prices, latency, limits, intervals } = options;
  const minutes = (ms: number): string => `${Number((ms / 60_000).toFixed(2))} min`;
  return {
    title: 'Assumptions',
    columns: [what, { key: 'value', title: 'value', digits: 'all' }, { key: 'option', title: 'option' }],
    rows: [
      ...named(prices).map(([name, value]) => ({
        what: PRICE_TITLES[name],
        value: `${value} $`,
        option: `\`--price ${name}=\``,
      })),
      ...named(latency).map(([name, value]) => ({
        what: LATENCY_TITLES[name],
        value,
        option: `\`--latency ${name}=\``,
      })),
      ...named(limits).map(([name, value]) => ({
        what: `S3, of one prefix, a second: ${name}`,
        value,
        option: `\`--limit ${name}=\``,
      })),
      ...named(intervals).map(([name, value]) => ({
        what: INTERVAL_TITLES[name],
        value: value === undefined ? 'off' : minutes(value),
        option: `\`--interval ${name}=\``,
      })),
      { what: 'Redis: memory, MB', value: options.redisMb, option: '`--redis-mb`' },
      { what: 'CONCURRENCY of a worker', value: options.concurrency, option: '`--concurrency`' },
      { what: 'the busiest minutes, in means of the day', value: options.peak, option: '`--peak`' },
      {
        what: 'kinds of jobs',
        value: Object.entries(options.mix)
          .map(([name, part]) => `${name} ${part}`)
          .join(', '),
        option: '`--mix`, `--jobs`, `--tb`',
      },
      { what: 'services beside the jobs', value: options.services, option: '`--services`' },
    ],
  };
}

/** Metadata, listings, commits, Redis, workers, one by one. */
export function partTables(figures: ScaleFigures): Table[] {
  const { histories, scans, sweep, commits, fleets, redis, checks, costs, floor } = figures;
  return [
    {
      title: 'Metadata of a pod that logs on and on',
      columns: [
        { key: 'rate', title: 'it logs' },
        { key: 'after', title: 'after' },
        { key: 'mb', title: 'raw log, MB', digits: 'significant' },
        { key: 'files', title: 'merged files', digits: 'significant' },
        { key: 'kb', title: 'metadata, KB', digits: 'significant' },
        { key: 'readMs', title: 'reading it, CPU ms', digits: 'significant' },
        { key: 'commitMs', title: 'committing it, CPU ms', digits: 'significant' },
        { key: 'mbADay', title: 'MB a day, 24 merges and 24 cleanings', digits: 'significant' },
      ],
      rows: histories.map(({ bytes, ...row }) => ({ ...row, kb: bytes / 1e3, mbADay: (24 * 4 * bytes) / 1e6 })),
    },
    {
      title: 'Scans, and a sweep that reads all metadata',
      columns: [
        what,
        { key: 'pods', title: 'pods', digits: 'significant' },
        { key: 'ms', title: 'ms by page', digits: 0 },
        { key: 'requests', title: 'requests', digits: 'significant' },
        { key: 'seconds', title: 's', digits: 'significant' },
      ],
      rows: [
        ...scans.map(({ listMs, ...row }) => ({ ...row, what: 'scan, nothing due', ms: listMs })),
        { what: 'sweep', ...sweep },
      ],
    },
    {
      title: 'Commits of one pod’s metadata',
      columns: [
        { key: 'committers', title: 'at the same time', digits: 0 },
        { key: 'commitsPerSecond', title: 'commits a second' },
        { key: 'lost', title: 'lost, %', digits: 0 },
      ],
      rows: commits.map(({ lost, ...row }) => ({ ...row, lost: 100 * lost })),
    },
    {
      title: 'Workers on a backlog of short jobs, in a bucket that is one prefix',
      columns: [
        { key: 'workers', title: 'workers', digits: 0 },
        { key: 'concurrency', title: 'CONCURRENCY', digits: 0 },
        { key: 'podsPerSecond', title: 'pods a second', digits: 'significant' },
        { key: 'readsPerSecond', title: 'reads a second', digits: 'significant' },
        { key: 'writesPerSecond', title: 'writes a second', digits: 'significant' },
        { key: 'heldBack', title: 'requests held back, %', digits: 0 },
      ],
      rows: fleets.map((fleet) => ({
        workers: fleet.workers,
        concurrency: fleet.concurrency,
        podsPerSecond: fleet.podsPerSecond,
        readsPerSecond: fleet.readsPerSecond,
        writesPerSecond: fleet.writesPerSecond,
        heldBack: 100 * fleet.heldBack,
      })),
    },
    {
      title: `Redis ${redis.version}`,
      columns: [what, { key: 'value', title: 'measured', digits: 'significant' }, { key: 'unit', title: '' }],
      rows: [
        { what: 'a pod that rests', value: redis.restingBytes, unit: 'bytes' },
        { what: 'a compaction that waits', value: redis.compactionBytes, unit: 'bytes' },
        { what: 'a cleaning that waits for its time', value: redis.cleaningBytes, unit: 'bytes' },
        { what: 'a compaction and its cleaning: commands', value: redis.commandsPerPod, unit: '' },
        { what: '… of Redis’ processor', value: redis.redisMsPerPod, unit: 'ms' },
        { what: '… of a worker’s', value: redis.workerMsPerPod, unit: 'ms' },
        { what: 'jobs a second, one process, jobs that do nothing', value: redis.jobsPerSecond, unit: '' },
        { what: 'jobs a second that would fill Redis’ processor', value: 2_000 / redis.redisMsPerPod, unit: '' },
        { what: 'asking for 1,000 pods, of Redis’ processor', value: redis.askedMs, unit: 'ms' },
      ],
    },
    {
      title: 'Does the sum hold? Pods merged once, in memory and over HTTP',
      columns: [
        what,
        { key: 'requests', title: 'requests' },
        { key: 'inMemory', title: 'in memory, CPU ms' },
        { key: 'sum', title: 'with the S3 client for these requests', digits: 1 },
        { key: 'measured', title: 'measured over HTTP' },
        { key: 'client', title: 'S3 client, ms by request', digits: 2 },
        { key: 'floor', title: '`gzip -6` then, MB/CPU-s' },
      ],
      rows: checks.map(({ title, inMemory, overHttp }) => ({
        what: title,
        requests: overHttp.requests,
        inMemory: inMemory.cpuMsPerPod,
        sum: inMemory.cpuMsPerPod + inMemory.requestsPerPod * costs.clientMsPerRequest,
        measured: overHttp.cpuMs,
        client: (overHttp.cpuMs - inMemory.cpuMsPerPod) / overHttp.requests,
        floor,
      })),
    },
  ];
}
