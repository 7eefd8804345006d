import { createPodWork } from '@cordwood/bucket';
import type { Cleaner, CleaningResult } from '@cordwood/compaction';
import { MetadataError } from '@cordwood/pod-metadata';
import { type Handler, PermanentJobError, type WorkOf } from '@cordwood/queues';
import type { Metrics } from '@cordwood/service';

export interface CleanHandlerOptions {
  readonly cleaner: Pick<Cleaner, 'clean'>;
  readonly metrics: Metrics;
}

/** The `clean` job: deletes what is due of one pod, and comes again when the next thing is, until nothing is left. */
export function createCleanHandler({ cleaner, metrics }: CleanHandlerOptions): Handler<'clean'> {
  const deleted = metrics.counter({
    name: 'cordwood_cleanup_deleted_files_total',
    help: 'Files deleted: raw (merged), superseded (replaced merged files), orphan (merged files that no metadata lists).',
    labels: ['kind'],
  });
  const expired = {
    instances: metrics.counter({
      name: 'cordwood_retention_deleted_instances_total',
      help: 'Container instances whose logs were deleted because of their age.',
    }),
    bytes: metrics.counter({
      name: 'cordwood_retention_deleted_bytes_total',
      help: 'Stored bytes of the merged files of logs that were deleted because of their age; they are gone after CLEANUP_DELAY.',
    }),
  };
  const work = createPodWork<CleaningResult>({
    metrics,
    name: 'cleanup',
    message: 'pod cleaned',
    outcome: outcomeOf,
    fields: (result) => ({ ...result }),
  });

  return async ({ pod }, { log, signal, isAbout }) => {
    try {
      const result = await work({ pod, log, signal }, () =>
        cleaner.clean(pod, signal, ({ namespaces }) => isAbout({ namespaces: [...namespaces] })),
      );
      deleted.inc({ kind: 'raw' }, result.deletedRaw);
      deleted.inc({ kind: 'superseded' }, result.deletedSuperseded);
      deleted.inc({ kind: 'orphan' }, result.deletedOrphans);
      expired.instances.inc(result.expiredInstances);
      expired.bytes.inc(result.expiredBytes);
      return { result: workOf(result), againInMs: result.againInMs };
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      throw new PermanentJobError(`nothing of pod ${pod} is deleted: ${error.message}`, { cause: error });
    }
  };
}

const outcomeOf = ({ againInMs }: CleaningResult): WorkOf<'clean'>['result'] =>
  againInMs === undefined ? 'finished' : 'again';

const workOf = (result: CleaningResult): WorkOf<'clean'> => ({
  result: outcomeOf(result),
  namespaces: [...result.namespaces],
  deletedRaw: result.deletedRaw,
  deletedSuperseded: result.deletedSuperseded,
  deletedOrphans: result.deletedOrphans,
  expiredInstances: result.expiredInstances,
  expiredBytes: result.expiredBytes,
});
