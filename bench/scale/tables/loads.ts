import type { Column, Row, Table } from '../../report/table.ts';
import type { Load, ScaleFigures } from '../figures.ts';
import { cores, limitsOf, share } from '../model/limits.ts';
import { DAYS_PER_MONTH, type Prices, priceOfCpu, priceOfRequests, priceOfStorage } from '../model/prices.ts';
import type { DayOfLoad } from '../model/extrapolate.ts';
import type { Options } from '../options.ts';
import { allRequests, NO_USAGE, type Usage } from '../store/usage.ts';

const DAY_SECONDS = 86_400;

const TOTAL = '**all**';

type Figure = readonly [title: string, of: (day: DayOfLoad) => number];

const requests = (kinds: Partial<Usage['requests']>): Usage['requests'] => ({ ...NO_USAGE.requests, ...kinds });
const scansOf = ({ scanPages }: DayOfLoad): Usage['requests'] => requests({ LIST: scanPages });
const sweepsOf = ({ sweeping, sweepPages }: DayOfLoad): Usage['requests'] => ({
  ...sweeping.requests,
  LIST: sweeping.requests.LIST + sweepPages,
});

const DAY_FIGURES: readonly Figure[] = [
  ['jobs a day', ({ jobs }) => jobs],
  ['raw log, TB a day', ({ rawBytes }) => rawBytes / 1e12],
  ['PUTs of Fluent Bit, millions a day', ({ uploads }) => uploads / 1e6],
  ['merging: requests, millions a day', ({ merging }) => allRequests(merging) / 1e6],
  ['cleaning', ({ cleaning }) => allRequests(cleaning) / 1e6],
  ['sweeps', ({ sweeping, sweepPages }) => (allRequests(sweeping) + sweepPages) / 1e6],
  ['scans', ({ scanPages }) => scanPages / 1e6],
  ['pods with raw files at a time', ({ podsWithRaw }) => podsWithRaw],
  ['pods with metadata at a time', ({ podsKept }) => podsKept],
  ['raw files at a time, GB', ({ rawStored }) => rawStored / 1e9],
  ['merged files and metadata, TB', ({ keptStored }) => keptStored / 1e12],
  ['processors: merging, cleaning, sweeping', ({ cores }) => cores.work],
  ['… the S3 client', ({ cores }) => cores.client],
  ['… queues', ({ cores }) => cores.queues],
  ['places of CONCURRENCY that are taken', ({ places }) => places],
  ['Redis: memory, MB', ({ redisBytes }) => redisBytes / 1e6],
  ['Redis: processors', ({ redisCores }) => redisCores],
  ['a scan, s', ({ scanSeconds }) => scanSeconds],
  ['a sweep, h', ({ sweepSeconds }) => sweepSeconds / 3_600],
];

function costFigures(prices: Prices): Figure[] {
  const ofRequests = (of: (day: DayOfLoad) => Usage['requests']) => (day: DayOfLoad) =>
    DAYS_PER_MONTH * priceOfRequests(of(day), prices);
  const items: Figure[] = [
    ['storage: merged files and metadata', ({ keptStored }) => priceOfStorage(keptStored, prices)],
    ['storage: raw files', ({ rawStored }) => priceOfStorage(rawStored, prices)],
    ['requests: Fluent Bit', ofRequests(({ uploads }) => requests({ PUT: uploads }))],
    ['requests: merging', ofRequests(({ merging }) => merging.requests)],
    ['requests: cleaning', ofRequests(({ cleaning }) => cleaning.requests)],
    ['requests: sweeps', ofRequests(sweepsOf)],
    ['requests: scans', ofRequests(scansOf)],
    ['processors of workers', (day) => DAYS_PER_MONTH * priceOfCpu(cores(day) * DAY_SECONDS, prices)],
  ];
  const total = (day: DayOfLoad): number => items.reduce((sum, [, of]) => sum + of(day), 0);
  return [
    ...items,
    [TOTAL, total],
    ['by TB of raw log', (day) => total(day) / (DAYS_PER_MONTH * (day.rawBytes / 1e12))],
    ['by million jobs', (day) => total(day) / (DAYS_PER_MONTH * (day.jobs / 1e6))],
  ];
}

/** What the loads come to, what that costs, and which limit comes first. */
export function loadTables({ loads, variants }: ScaleFigures, options: Options): Table[] {
  const columns: Column[] = loads.map(({ name }, index) => ({
    key: `load${index}`,
    title: name,
    digits: 'significant' as const,
  }));
  const rowsOf = (figures: readonly Figure[]): Row[] =>
    figures.map(([what, of]) => ({
      what,
      ...Object.fromEntries(loads.map(({ day }, index) => [`load${index}`, of(day)])),
    }));
  const capacities = {
    s3: options.limits,
    peak: options.peak,
    redisBytes: options.redisMb * 1e6,
    concurrency: options.concurrency,
  };
  return [
    { title: 'A day of load', columns: [{ key: 'what', title: '' }, ...columns], rows: rowsOf(DAY_FIGURES) },
    {
      title: 'What it costs, $ a month',
      columns: [{ key: 'what', title: '' }, ...columns],
      rows: rowsOf(costFigures(options.prices)),
    },
    ...loads.map(({ name, day }): Table => ({
      title: `Limits at ${name}`,
      columns: [
        { key: 'limit', title: 'limit' },
        { key: 'capacity', title: 'there is', digits: 'significant' },
        { key: 'used', title: 'taken at the peak', digits: 'significant' },
        { key: 'unit', title: '' },
        { key: 'share', title: '%', digits: 'significant' },
        { key: 'jobs', title: 'full at jobs a day', digits: 'significant' },
        { key: 'tb', title: '… TB a day', digits: 'significant' },
        { key: 'then', title: 'then' },
      ],
      rows: limitsOf(day, options.intervals, capacities).map((limit) => ({
        limit: limit.title,
        capacity: limit.capacity,
        used: limit.used,
        unit: limit.unit,
        share: 100 * share(limit),
        jobs: day.jobs / share(limit),
        tb: day.rawBytes / 1e12 / share(limit),
        then: limit.then,
      })),
    })),
    variantTable(variants, options),
  ];
}

/** The jobs without the services, when one thing is changed. */
function variantTable(variants: readonly Load[], { prices, jobs }: Options): Table {
  const costs = costFigures(prices);
  const dollars = (title: string, day: DayOfLoad): number => costs.find(([name]) => name === title)?.[1](day) ?? NaN;
  return {
    title: `What one change does to ${new Intl.NumberFormat('en-US').format(jobs)} jobs a day, services not counted`,
    columns: [
      { key: 'name', title: '' },
      { key: 'requests', title: 'requests of workers, millions a day', digits: 'significant' },
      { key: 'uploads', title: 'PUTs of Fluent Bit, millions a day', digits: 'significant' },
      { key: 'cores', title: 'processors', digits: 'significant' },
      { key: 'places', title: 'places', digits: 'significant' },
      { key: 'rawGb', title: 'raw files, GB', digits: 'significant' },
      { key: 'keptTb', title: 'kept, TB', digits: 'significant' },
      { key: 'sweepHours', title: 'a sweep, h', digits: 'significant' },
      { key: 'total', title: '$ a month', digits: 'significant' },
    ],
    rows: variants.map(({ name, day }) => ({
      name,
      requests:
        (allRequests(day.merging) + allRequests(day.cleaning) + allRequests(day.sweeping) + day.scanPages) / 1e6,
      uploads: day.uploads / 1e6,
      cores: cores(day),
      places: day.places,
      rawGb: day.rawStored / 1e9,
      keptTb: day.keptStored / 1e12,
      sweepHours: day.sweepSeconds / 3_600,
      total: dollars(TOTAL, day),
    })),
  };
}
