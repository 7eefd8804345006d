import type { Queues } from '@cordwood/queues';
import type { Logger, Metrics } from '@cordwood/service';

export interface BlockedPodsOptions {
  readonly queues: Pick<Queues, 'explainFailed'>;
  readonly metrics: Metrics;
  /** How long a job that failed for the first time is left alone, in ms. */
  readonly releaseAfterMs: number;
}

/** Says why scans leave due pods alone: their compaction failed for good, and is kept for people to look at. */
export interface BlockedPods {
  /** Of one scan. */
  begin(): BlockedPodsOfScan;
}

export interface BlockedPodsOfScan {
  /** Takes in a page of due pods, and which of them are left alone since when (ms since 1970). */
  saw(due: readonly string[], failedAt: ReadonlyMap<string, number>): void;
  /** Says what is new, but of pods that have been `released` meanwhile; gives how many were left alone. */
  report(released: readonly string[], log: Logger): Promise<number>;
}

/** Failures that a scan tells of: each costs a command and a line. What is left out is told of by the next scans. */
const TOLD_AT_ONCE = 100;
/** Failures that are remembered as told, so that they are not told again. */
const REMEMBERED = 10_000;

/**
 * One log line per failure, of this process: the next scan may run on another replica, which says it once too. However many pods
 * are blocked, what is held and asked for of them is bounded; only their number is not.
 */
export function createBlockedPods({ queues, metrics, releaseAfterMs }: BlockedPodsOptions): BlockedPods {
  const gauge = metrics.gauge({
    name: 'cordwood_blocked_pods',
    help: 'Due pods that the last scan left alone because their compaction is kept as failed; take it from the replica that scanned last.',
  });
  /** By pod, when the failure was that has been told; the one told first at the beginning. */
  const told = new Map<string, number>();

  return {
    begin: () => {
      let count = 0;
      const untold: string[] = [];
      return {
        saw: (due, failedAt) => {
          count += failedAt.size;
          for (const pod of due) {
            const at = failedAt.get(pod);
            if (at === undefined) told.delete(pod);
            else if (told.get(pod) !== at && untold.length < TOLD_AT_ONCE) untold.push(pod);
          }
        },
        report: async (released, log) => {
          gauge.set(count);
          const wanted = untold.filter((pod) => !released.includes(pod));
          for (const job of await queues.explainFailed(wanted, releaseAfterMs)) {
            const { pod, reason, failedAt, releaseAt, failures } = job;
            told.delete(pod);
            told.set(pod, failedAt);
            log.warn('pod left alone: its compaction is kept as failed', {
              pod,
              reason,
              failedAt: new Date(failedAt).toISOString(),
              triedAgainAt: new Date(releaseAt).toISOString(),
              failures,
            });
          }
          for (const pod of told.keys()) {
            if (told.size <= REMEMBERED) break;
            told.delete(pod);
          }
          return count;
        },
      };
    },
  };
}
