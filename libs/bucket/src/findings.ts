import type { OnDamage, StrayObject } from '@cordwood/log-store';
import { RAW_PREFIX } from '@cordwood/s3-key-format';
import type { Logger, Metrics } from '@cordwood/service';

/** Reports what should not be in the bucket: once per object (of this process, and as far as its memory reaches). */
export interface Findings {
  /** An object among a pod's raw files that is no raw file. */
  readonly onStray: (stray: StrayObject) => void;
  /** A key, or the beginning of keys, under the raw prefix that belongs to no pod. */
  readonly onStrayKey: (key: string) => void;
  /** A merged file that does not hold what the metadata says, or a raw file that cannot be read whole. */
  readonly onDamage: OnDamage;
}

export interface FindingsOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** How many reports are remembered. The oldest are forgotten first, and what they were about is then reported again. */
  readonly remembered?: number;
}

export function createFindings({ logger, metrics, remembered = 10_000 }: FindingsOptions): Findings {
  const strays = metrics.counter({
    name: 'cordwood_stray_objects_total',
    help: 'Objects found under the raw prefix that are no raw files, each counted once; they are left alone.',
    labels: ['problem'],
  });
  const damaged = metrics.counter({
    name: 'cordwood_damaged_merged_files_total',
    help: 'Merged files found not to hold what the metadata says, each counted once.',
  });
  const reported = new Set<string>();
  const isNew = (identity: string): boolean => {
    if (reported.has(identity)) return false;
    const [oldest] = reported;
    if (reported.size >= remembered && oldest !== undefined) reported.delete(oldest);
    reported.add(identity);
    return true;
  };

  return {
    onStray: ({ key, etag, size, problem }) => {
      if (!isNew(`stray ${key} ${etag}`)) return;
      strays.inc({ problem });
      logger.warn('stray object, left alone', { key, etag, sizeBytes: size, problem });
    },
    onStrayKey: (key) => {
      if (!isNew(`stray ${key}`)) return;
      strays.inc({ problem: 'no pod' });
      logger.warn('stray object, left alone', { key, problem: 'no pod' });
    },
    onDamage: ({ key, reason }) => {
      if (!isNew(`damage ${key}`)) return;
      // Its merge sets it aside and counts it.
      if (key.startsWith(RAW_PREFIX)) {
        logger.warn('raw file is damaged', { key, reason });
        return;
      }
      damaged.inc();
      logger.error('merged file is damaged', { key, reason });
    },
  };
}
