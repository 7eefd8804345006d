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

export function createFindings(options: FindingsOptions): Findings {
  const { logger, metrics } = options;
  const strays = metrics.counter({
    name: 'cordwood_stray_objects_total',
    help: 'Objects found under the raw prefix that are no raw files, each counted once; they are left alone.',
    labels: ['problem'],
  });
  const isNew = remember(options);
  return {
    onStray: ({ key, etag, size, problem }) => {
      if (!isNew(`${key} ${etag}`)) return;
      strays.inc({ problem });
      logger.warn('stray object, left alone', { key, etag, sizeBytes: size, problem });
    },
    onStrayKey: (key) => {
      if (!isNew(key)) return;
      strays.inc({ problem: 'no pod' });
      logger.warn('stray object, left alone', { key, problem: 'no pod' });
    },
    onDamage: createDamageReport(options),
  };
}

/** The part of {@link Findings} for those who read only what belongs to logs. */
export function createDamageReport(options: FindingsOptions): OnDamage {
  const { logger, metrics } = options;
  const damaged = metrics.counter({
    name: 'cordwood_damaged_merged_files_total',
    help: 'Merged files found not to hold what the metadata says, each counted once.',
  });
  const isNew = remember(options);
  return ({ key, reason }) => {
    if (!isNew(key)) return;
    // Its merge sets it aside and counts it.
    if (key.startsWith(RAW_PREFIX)) {
      logger.warn('raw file is damaged', { key, reason });
      return;
    }
    damaged.inc();
    logger.error('merged file is damaged', { key, reason });
  };
}

/** Whether it is the first time that it is asked about something, as far as its memory reaches. */
function remember({ remembered = 10_000 }: Pick<FindingsOptions, 'remembered'>): (identity: string) => boolean {
  const known = new Set<string>();
  return (identity) => {
    if (known.has(identity)) return false;
    const [oldest] = known;
    if (known.size >= remembered && oldest !== undefined) known.delete(oldest);
    known.add(identity);
    return true;
  };
}
