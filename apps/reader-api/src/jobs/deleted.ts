import { compareInstants, type Instant, parseTime } from '@cordwood/log-record';
import type { PodMetadata, Tombstone } from '@cordwood/pod-metadata';
import { ApiError } from '../errors/catalogue.ts';

/** What is known of deleted logs of the job in the namespace that is meant; in all when none is. */
export const tombstonesIn = (metadata: PodMetadata, namespace: string | undefined): readonly Tombstone[] =>
  metadata.deleted.filter((tombstone) => namespace === undefined || tombstone.namespace === namespace);

/** The same, of these containers alone; of all when none was asked for. */
export const tombstonesOf = (tombstones: readonly Tombstone[], container: string | undefined): readonly Tombstone[] =>
  tombstones.filter((tombstone) => container === undefined || container === '*' || tombstone.container === container);

/** The latest time up to which records were deleted, as the metadata spells it. */
export function deletedUntil(tombstones: readonly Tombstone[]): string | undefined {
  return latest(tombstones, ({ until }) => until)?.until;
}

/** What a client gets that asks for a log of which nothing is left. */
export function deletedError(what: string, tombstones: readonly Tombstone[]): ApiError {
  const last = latest(tombstones, ({ deleted_at }) => deleted_at);
  const { deleted_at = '', until = '', reason } = last ?? {};
  return reason === 'request'
    ? new ApiError('log_deleted', `the log of ${what} up to ${until} was deleted on request at ${deleted_at}`)
    : new ApiError(
        'log_expired',
        `the log of ${what} up to ${until} was older than is kept, and deleted at ${deleted_at}`,
      );
}

function latest(tombstones: readonly Tombstone[], timeOf: (tombstone: Tombstone) => string): Tombstone | undefined {
  const instantOf = (tombstone: Tombstone): Instant => parseTime(timeOf(tombstone)) ?? { seconds: 0, nanos: 0 };
  return tombstones.toSorted((a, b) => compareInstants(instantOf(a), instantOf(b))).at(-1);
}
