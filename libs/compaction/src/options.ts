import type { BufferPool, MetadataStore, StrayObject } from '@cordwood/log-store';
import type { BatchLimits } from './plan.ts';
import type { MergeOptions } from './merge.ts';

/** What compaction and cleaning work with, and how. Durations in ms, sizes in bytes. */
export interface CompactionOptions extends Omit<MergeOptions, 'rewriteTail' | 'joinRuns'> {
  readonly metadata: MetadataStore;
  /** CLEANUP_DELAY. */
  readonly cleanupDelay: number;
  /** ORPHAN_AGE. */
  readonly orphanAge: number;
  readonly limits: BatchLimits;
  /** Where buffers for raw objects come from; default: a pool of its own. */
  readonly buffers?: BufferPool;
  /** Called for every object under the pod's raw prefix that is no raw file; it is left alone. */
  readonly onStray: (stray: StrayObject) => void;
}

const MIB = 1024 * 1024;

/** Those of a job that has the worker's memory for itself. */
export const DEFAULT_LIMITS: BatchLimits = { keepUpTo: 8 * MIB, keptBytes: 10 * MIB, files: 500 };

/** Bytes of raw objects that all jobs of a worker may hold, but 2 MiB for each at least. `npm run bench -- --only memory` shows what that comes to. */
const KEPT_BY_ALL = 32 * MIB;

/** The limits of each of so many jobs that run at once: the more there are, the smaller are their batches, and the more commits there are to a log. */
export function limitsOfEach(concurrency: number): BatchLimits {
  const keptBytes = Math.max(2 * MIB, Math.min(DEFAULT_LIMITS.keptBytes, Math.floor(KEPT_BY_ALL / concurrency)));
  return { ...DEFAULT_LIMITS, keptBytes, keepUpTo: Math.min(DEFAULT_LIMITS.keepUpTo, keptBytes) };
}
