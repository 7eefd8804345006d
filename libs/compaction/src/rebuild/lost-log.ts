import type { ObjectStore } from '@cordwood/log-store';
import { mergedPrefixOfPod, REFERENCE_MERGED_PREFIX, referencePrefixOfPod } from '@cordwood/s3-key-format';

/** How long it is believed that the bucket has no files of the reference, in ms. */
const BELIEVED_MS = 60_000;

/**
 * Tells whether a pod without metadata may have had some: whether anything lies where its merged files would (docs/adr/0010). For a new pod
 * that is one request; whether the bucket has files of the Python reference at all is asked once a minute, for all pods.
 */
export class LostLog {
  private readonly store: ObjectStore;
  private noReferenceUntil = -Infinity;
  private asking: Promise<boolean> | undefined;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** Whether the pod may have merged files. */
  async isPossible(pod: string, signal?: AbortSignal): Promise<boolean> {
    const [own, reference] = await Promise.all([
      isAnythingBelow(this.store, mergedPrefixOfPod(pod), signal),
      this.mayHaveReference(),
    ]);
    return own || (reference && (await isAnythingBelow(this.store, referencePrefixOfPod(pod), signal)));
  }

  /** Jobs that ask at the same time share the answer, and so not one's signal. */
  private async mayHaveReference(): Promise<boolean> {
    if (this.store.now() < this.noReferenceUntil) return false;
    this.asking ??= this.lookForReference().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async lookForReference(): Promise<boolean> {
    const found = await isAnythingBelow(this.store, REFERENCE_MERGED_PREFIX);
    if (!found) this.noReferenceUntil = this.store.now() + BELIEVED_MS;
    return found;
  }
}

/** Whether any object has a key that begins so; one request. */
export async function isAnythingBelow(store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<boolean> {
  for await (const page of store.list({ prefix, pageSize: 1, ...(signal && { signal }) }))
    return page.objects.length > 0;
  return false;
}
