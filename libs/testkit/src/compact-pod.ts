import { type CompactionResult, Compactor, DEFAULT_LIMITS } from '@cordwood/compaction';
import { MetadataStore, type ObjectStore } from '@cordwood/log-store';

export interface CompactPodOptions {
  /** In ms. Default 0: what is merged is deleted by the next compaction. */
  readonly cleanupDelay?: number;
  /** In bytes of records. Default 10 MiB. */
  readonly mergedFileSize?: number;
}

/** Compacts a pod as a worker would, in the spec's own process. Throws when anything in the bucket is damaged. */
export async function compactPod(
  store: ObjectStore,
  pod: string,
  { cleanupDelay = 0, mergedFileSize = 10 * 1024 * 1024 }: CompactPodOptions = {},
): Promise<CompactionResult> {
  const compactor = new Compactor({
    store,
    metadata: new MetadataStore(store),
    reorderWindow: 10_000,
    mergedFileSize,
    maxRecord: 16 * 1024 * 1024,
    legacyNamespace: undefined,
    cleanupDelay,
    orphanAge: 3_600_000,
    limits: DEFAULT_LIMITS,
    onDamage: ({ key, reason }) => {
      throw new Error(`${key} is damaged: ${reason}`);
    },
    onStray: ({ key, problem }) => {
      throw new Error(`${key} is no raw file: ${problem}`);
    },
  });
  return compactor.compact(pod);
}
