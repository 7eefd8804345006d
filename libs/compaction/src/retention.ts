import { listRawFiles, type MetadataStore, type ObjectStore, type RawObject } from '@cordwood/log-store';
import {
  type ExpiredInstance,
  expiredInstances,
  instanceId,
  type MetadataError,
  mergedVersions,
  type PodMetadata,
  type RetentionRules,
} from '@cordwood/pod-metadata';
import { listMetadata, readEach } from './metadata-listing.ts';

/** What is deleted because of its age. */
export interface RetentionOptions {
  readonly rules: RetentionRules;
  /** TOMBSTONE_AGE, in ms. */
  readonly tombstoneAge: number;
}

type HasFiles = (namespace: string, containerId: string) => boolean;

/** Whether a container instance has any of these raw files. */
export function instancesAmong(files: readonly RawObject[]): HasFiles {
  const ids = new Set(files.map(({ parsed }) => instanceId(parsed.namespace, parsed.containerId)));
  return (namespace, containerId) => ids.has(instanceId(namespace, containerId));
}

/** Whether a container instance has any of these raw files unmerged. */
export function unmergedAmong(files: readonly RawObject[], metadata: PodMetadata): HasFiles {
  const isMerged = mergedVersions(metadata);
  return instancesAmong(files.filter((file) => !isMerged(file)));
}

export interface RetentionReportOptions {
  readonly store: ObjectStore;
  readonly metadata: Pick<MetadataStore, 'read'>;
  readonly rules: RetentionRules;
  readonly legacyNamespace: string | undefined;
  /** Called for pods whose metadata cannot be understood: nothing of them is ever deleted. */
  readonly onUnreadable: (pod: string, error: MetadataError) => void;
}

/**
 * What would be deleted now because of its age. Changes nothing. Takes a request for every pod with metadata, and a listing for each that
 * has something old.
 */
export async function* retentionReport(
  options: RetentionReportOptions,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly pod: string; readonly expired: ExpiredInstance }> {
  const { store, metadata, rules, legacyNamespace, onUnreadable } = options;
  for await (const page of listMetadata(store, signal)) {
    const pods = page.map(({ pod }) => pod);
    const found = await readEach(pods, onUnreadable, async (pod) => {
      const read = async () => (await metadata.read(pod, signal)).metadata;
      const input = { rules, legacyNamespace, now: store.now() };
      if (expiredInstances(await read(), { ...input, hasUnmerged: () => false }).length === 0) return [];
      // As the cleaner does it: the listing first.
      const { files } = await listRawFiles(store, pod, signal);
      const current = await read();
      const expired = expiredInstances(current, { ...input, hasUnmerged: unmergedAmong(files, current) });
      return expired.map((instance) => ({ pod, expired: instance }));
    });
    yield* found.flat();
  }
}
