import { createPodWork } from '@cordwood/bucket';
import type { CompactionResult, Compactor } from '@cordwood/compaction';
import { MetadataError } from '@cordwood/pod-metadata';
import { type Handler, PermanentJobError, type PodSchedule, type Queues, type WorkOf } from '@cordwood/queues';
import type { Metrics } from '@cordwood/service';

export interface CompactHandlerOptions {
  readonly compactor: Pick<Compactor, 'compact'>;
  readonly queues: Pick<Queues, 'enqueueCleanup'>;
  readonly podSchedule: Pick<PodSchedule, 'decided'>;
  readonly metrics: Metrics;
  /** How long a pod rests after it was looked at, in ms. */
  readonly restMs: number;
}

/** The `compact` job: brings one pod up to date, and sees to it that what it replaced is deleted later. */
export function createCompactHandler(options: CompactHandlerOptions): Handler<'compact'> {
  const { compactor, queues, podSchedule, metrics, restMs } = options;
  const count = createFigures(metrics);
  const work = createPodWork<CompactionResult>({
    metrics,
    name: 'compaction',
    message: 'pod compacted',
    outcome: outcomeOf,
    fields: (result) => ({ ...result }),
  });

  return async ({ pod }, { log, signal, isAbout }) => {
    try {
      const result = await work({ pod, log, signal }, () =>
        compactor.compact(pod, signal, (found) => isAbout({ ...found, namespaces: [...found.namespaces] })),
      );
      count(result);
      // Also when everything is clean: a commit may have won over another one's, whose files are now orphans.
      const cleanInMs = result.cleanInMs ?? (result.commits > 0 ? 0 : undefined);
      // Before the decision: when Redis fails in between, the next scan brings the pod back here.
      if (cleanInMs !== undefined) await queues.enqueueCleanup(pod, cleanInMs);
      // What could not be merged for now can be when the next cleaning has made room.
      await podSchedule.decided(pod, result.leftRaw > 0 ? Math.min(restMs, cleanInMs ?? 0) : restMs);
      return { result: workOf(result) };
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      throw new PermanentJobError(`pod ${pod} is not compacted, and nothing of it deleted: ${error.message}`, {
        cause: error,
      });
    }
  };
}

function outcomeOf({ rawFiles, commits }: CompactionResult): WorkOf<'compact'>['result'] {
  if (rawFiles > 0) return 'merged';
  return commits > 0 ? 'cleaned' : 'idle';
}

const workOf = (result: CompactionResult): WorkOf<'compact'> => ({
  result: outcomeOf(result),
  namespaces: [...result.namespaces],
  rawFiles: result.rawFiles,
  rawBytes: result.rawBytes,
  records: result.records,
  mergedFiles: result.mergedFiles,
  mergedBytes: result.mergedBytes,
  deletedFiles: result.deletedRaw + result.deletedSuperseded,
  damaged: result.damaged,
  leftRaw: result.leftRaw,
});

/** Totals over all pods. */
function createFigures(metrics: Metrics): (result: CompactionResult) => void {
  const counter = (name: string, help: string) => metrics.counter({ name: `cordwood_${name}_total`, help });
  const counters = [
    ['rawFiles', counter('merged_raw_files', 'Raw files merged.')],
    ['rawBytes', counter('merged_raw_bytes', 'Stored bytes of the raw files merged.')],
    ['records', counter('merged_records', 'Records merged.')],
    ['mergedFiles', counter('written_files', 'Merged files written.')],
    ['mergedBytes', counter('written_bytes', 'Stored bytes of the merged files written.')],
    [
      'rewrittenBytes',
      counter('rewritten_bytes', 'Stored bytes of merged files that were written anew with more in them.'),
    ],
    [
      'damaged',
      counter('damaged_raw_files', 'Raw files that could not be read whole; a copy of each is kept below damaged/.'),
    ],
    ['oddLines', counter('odd_lines', 'Lines that are no JSON object, or have odd fields; they are kept as records.')],
    ['lostCommits', counter('lost_commits', 'Commits that came after another worker’s, and so changed nothing.')],
    ['deletedRaw', counter('deleted_raw_files', 'Merged raw files deleted.')],
    ['deletedSuperseded', counter('deleted_superseded_files', 'Replaced merged files deleted.')],
  ] as const;
  return (result) => {
    for (const [figure, total] of counters) total.inc(result[figure]);
  };
}
