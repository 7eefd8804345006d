import { DEFAULT_LIMITS } from '@cordwood/compaction';
import { MetadataStore, type ObjectStore } from '@cordwood/log-store';

/** What the apps give merging, cleaning and reading unless told otherwise, but for intervals. Damage and stray objects throw: there are none here. */
export function appOptions<Store extends ObjectStore>(store: Store) {
  return {
    store,
    metadata: new MetadataStore(store),
    reorderWindow: 10_000,
    mergedFileSize: 10 * 1024 * 1024,
    maxRecord: 16 * 1024 * 1024,
    maxMessage: 1024 * 1024,
    legacyNamespace: undefined,
    limits: DEFAULT_LIMITS,
    onDamage: ({ key, reason }: { key: string; reason: string }) => {
      throw new Error(`${key}: ${reason}`);
    },
    onStray: ({ key }: { key: string }) => {
      throw new Error(`stray ${key}`);
    },
  };
}
