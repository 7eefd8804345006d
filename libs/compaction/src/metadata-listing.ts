import type { ObjectStore } from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { METADATA_PREFIX, parseMetadataKey } from '@cordwood/s3-key-format';
import pLimit from 'p-limit';

/** Pods that are looked at, at the same time. */
const PARALLEL_READS = 16;

/** A pod that has metadata, and when that was last written, in ms since 1970. */
export interface ListedPod {
  readonly pod: string;
  readonly lastModified: number;
}

/** The pods that have metadata, page by page: one request for every 1,000. */
export async function* listMetadata(store: ObjectStore, signal?: AbortSignal): AsyncGenerator<ListedPod[]> {
  for await (const page of store.list({ prefix: METADATA_PREFIX, delimiter: '/', ...(signal && { signal }) })) {
    yield page.objects.flatMap(({ key, lastModified }) => {
      const parsed = parseMetadataKey(key);
      return parsed.ok ? [{ pod: parsed.key.pod, lastModified }] : [];
    });
  }
}

/** What `work` gives for each of the pods, a few at a time. Those whose metadata cannot be understood are reported and left out. */
export async function readEach<T>(
  pods: readonly string[],
  onUnreadable: (pod: string, error: MetadataError) => void,
  work: (pod: string) => Promise<T>,
): Promise<T[]> {
  const limit = pLimit(PARALLEL_READS);
  const results = await Promise.all(
    pods.map(async (pod) =>
      limit(async () => {
        try {
          return [await work(pod)];
        } catch (error) {
          if (!(error instanceof MetadataError)) throw error;
          onUnreadable(pod, error);
          return [];
        }
      }),
    ),
  );
  return results.flat();
}
