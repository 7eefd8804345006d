import type { Counts } from './counts.ts';

/** What must have happened at least so often in a run of any length: else it has shown nothing. */
const LEAST: readonly (readonly [group: string, kind: string, least: number])[] = [
  ['writing', 'raw files', 20],
  ['writing', 'late files', 1],
  ['writing', 'leftover files', 1],
  ['writing', 'doubled files', 1],
  ['writing', 'repeated files', 1],
  ['actions', 'kill compactor-worker', 2],
  ['actions', 'kill cleanup-worker', 2],
  ['actions', 'kill reader-api', 2],
  ['actions', 'terminate', 1],
  ['actions', 'freeze', 1],
  ['actions', 'woke', 1],
  ['actions', 'redis flushed', 1],
  ['actions', 'redis restarted', 1],
  ['faults', 'status 5', 5],
  ['faults', 'answer lost', 1],
  ['faults', 'answer cut', 1],
  ['commits', 'made', 10],
  ['work', 'merges', 5],
  ['work', 'raw files deleted', 5],
  ['work', 'cleanings by cleanup-worker', 1],
  ['reads', 'whole complete', 5],
  ['reads', 'since complete', 2],
  ['reads', 'head complete', 2],
  ['reads', 'slow complete', 1],
  ['compared', 'records', 1_000],
];
/** And in one of several minutes. */
const LEAST_LONG: typeof LEAST = [
  ['writing', 'overwritten after merging', 1],
  ['actions', 'woke after its files were swept', 1],
  ['work', 'replaced files deleted', 1],
  ['work', 'orphans deleted', 1],
  ['commits', 'refused', 1],
  ['reads', 'slow, files deleted meanwhile', 1],
];
const LONG_MINUTES = 3;

/** What has not happened as often as it must. `overwrites`: whether keys were used twice at all. */
export function missingProgress(counts: Counts, minutes: number, overwrites: boolean): string[] {
  const wanted = minutes < LONG_MINUTES ? LEAST : [...LEAST, ...LEAST_LONG];
  return wanted
    .filter(([, kind]) => overwrites || !kind.startsWith('overwritten'))
    .filter(([group, kind, least]) => counts.of(group, kind) < least)
    .map(([group, kind, least]) => `${group}: ${kind} ${counts.of(group, kind)} times, at least ${least} expected`);
}
