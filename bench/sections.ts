import type { Tables } from './report/tables.ts';
import { floors } from './rows/floors.ts';
import { longLog } from './rows/long-log.ts';
import { workerMemory } from './rows/memory.ts';
import { mergeWithLatency } from './rows/merge-latency.ts';
import { mergeManyPods } from './rows/merge-pods.ts';
import { mergeInRuns } from './rows/merge-runs.ts';
import { mergeOnePod } from './rows/merge.ts';
import { readWithLatency } from './rows/read-latency.ts';
import { readOnePod } from './rows/read.ts';
import { scanPods } from './rows/scan.ts';
import type { System } from './system.ts';

/** Some rows that are measured together. */
export type Section = (system: System, tables: Tables) => Promise<void>;

/** Stored sizes as multiples of what `gzip -6` gives, and the rate that each is to be paid for with. */
const SIZES = [
  { atMost: 1.05, target: 95 },
  { atMost: 1.1, target: 115 },
];

/** All rows, in the order in which they are measured. References and targets are those of the issue that asked for them. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  floors,
  'merge-plain': (system, tables) =>
    mergeOnePod(system, tables, 'one pod, 60 plain files of 1 MB', {}, { reference: 17.5, target: 95, sizes: SIZES }),
  'merge-gzip': (system, tables) =>
    mergeOnePod(system, tables, 'the same, gzip raw files', { gzip: true }, { reference: 14.1, target: 85 }),
  'merge-kubernetes': (system, tables) =>
    mergeOnePod(system, tables, 'the same records with the `kubernetes` map', { kubernetes: true }, { target: 200 }),
  'merge-runs': mergeInRuns,
  'merge-pods': mergeManyPods,
  'merge-latency': mergeWithLatency,
  'read-plain': (system, tables) => readOnePod(system, tables, 'raw, plain', {}, { reference: 24.5, target: 150 }),
  'read-gzip': (system, tables) =>
    readOnePod(system, tables, 'raw, gzip', { gzip: true }, { reference: 20.3, target: 120 }),
  'read-merged': (system, tables) =>
    readOnePod(system, tables, 'merged', { merged: true }, { reference: 17.2, target: 150 }),
  'read-latency': readWithLatency,
  'long-log': longLog,
  scan: scanPods,
  memory: workerMemory,
};
