import type { Column, Row, Table } from './table.ts';

const work: Column = { key: 'work', title: 'work' };
const met: Column = { key: 'met', title: 'met' };
const note: Column = { key: 'note', title: 'note' };
const reference: Column = { key: 'reference', title: 'reference', digits: 'all' };

const rates: readonly Column[] = [
  work,
  { key: 'rate', title: 'MB/CPU-s' },
  { key: 'warmRate', title: 'again, warm' },
  { key: 'floor', title: '`gzip -6` then' },
  reference,
  { key: 'timesReference', title: 'times reference' },
  { key: 'target', title: 'target', digits: 0 },
  { key: 'targetHere', title: 'target here' },
  met,
];

/** What is reported, in this order. */
const CATALOGUE = {
  floors: {
    title: 'Floors: what plain tools take',
    columns: [work, { key: 'value', title: 'here', digits: 2 }, { key: 'unit', title: '' }, reference, note],
  },
  merge: {
    title: 'Merging',
    columns: [
      ...rates,
      { key: 'storedToRecords', title: 'stored / `gzip -6`', digits: 3 },
      { key: 'wall', title: 'wall, s', digits: 2 },
    ],
  },
  stored: {
    title: 'What merging writes',
    columns: [
      work,
      { key: 'stored', title: 'stored, MB' },
      { key: 'storedToRecords', title: '/ `gzip -6` of the same records', digits: 3 },
      { key: 'storedToRaw', title: '/ `gzip -6` of the raw log', digits: 3 },
      { key: 'files', title: 'merged files', digits: 0 },
      { key: 'amplification', title: 'written / kept', digits: 2 },
      { key: 'target', title: 'target' },
      met,
    ],
  },
  read: { title: 'Reading whole logs', columns: [...rates, { key: 'wall', title: 'wall, s', digits: 2 }] },
  requests: {
    title: 'Requests to S3',
    columns: [
      work,
      { key: 'requests', title: 'requests' },
      reference,
      { key: 'target', title: 'target' },
      met,
      { key: 'kinds', title: 'of which' },
    ],
  },
  times: {
    title: 'Waiting times',
    columns: [
      work,
      { key: 'seconds', title: 'median, s', digits: 3 },
      { key: 'fastest', title: 'fastest', digits: 3 },
      { key: 'slowest', title: 'slowest', digits: 3 },
      { key: 'cpuMs', title: 'CPU, ms' },
      reference,
      { key: 'target', title: 'target, s', digits: 2 },
      met,
      note,
    ],
  },
  processes: {
    title: 'Memory and event loop',
    columns: [
      work,
      { key: 'peakRss', title: 'peak RSS, MB', digits: 0 },
      { key: 'target', title: 'target, MB', digits: 0 },
      met,
      { key: 'longestStall', title: 'longest stall, ms', digits: 0 },
      { key: 'p99Stall', title: 'p99, ms' },
    ],
  },
} as const satisfies Record<string, Omit<Table, 'rows'>>;

export type TableName = keyof typeof CATALOGUE;

/** Collects rows. */
export class Tables {
  private readonly rows = new Map<TableName, Row[]>();

  add(table: TableName, row: Row): void {
    const rows = this.rows.get(table) ?? [];
    rows.push(row);
    this.rows.set(table, rows);
  }

  /** Those that have rows. */
  all(): Table[] {
    return Object.entries(CATALOGUE).flatMap(([name, { title, columns }]) => {
      const rows = this.rows.get(name as TableName);
      return rows === undefined ? [] : [{ title, columns, rows }];
    });
  }
}
