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

/** What keeps a worker that does two jobs at once below 250 MB; `npm run bench` shows its memory. */
export const DEFAULT_LIMITS: BatchLimits = { keepUpTo: 8 * 1024 * 1024, keptBytes: 16 * 1024 * 1024, files: 500 };
