import { emptyPodMetadata, parsePodMetadata, type PodMetadata, serializePodMetadata } from '@cordwood/pod-metadata';
import { METADATA_PREFIX, metadataKey, parseMetadataKey } from '@cordwood/s3-key-format';
import { NotFoundError, PreconditionFailedError, StoreUnavailableError } from './errors.ts';
import type { ObjectStore } from './object-store.ts';

/** Metadata as it was read: with the ETag that the next commit is conditional on. */
export interface MetadataVersion {
  readonly metadata: PodMetadata;
  /** Undefined: the pod has no metadata yet. */
  readonly etag: string | undefined;
}

/** Another worker committed first. Nothing was changed; start over from what is there now. */
export class CommitLostError extends Error {
  override readonly name = 'CommitLostError';

  constructor(pod: string) {
    super(`another worker committed the metadata of ${pod} first`);
  }
}

/** Reads and commits pod metadata: the one mutable object, and the one commit point of a log (I2). */
export class MetadataStore {
  private readonly store: ObjectStore;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** The pod's metadata, empty when it has none. Throws MetadataError when it cannot be understood. */
  async read(pod: string, signal?: AbortSignal): Promise<MetadataVersion> {
    try {
      const body = await this.store.get(metadataKey(pod), signal ? { signal } : {});
      return { metadata: parsePodMetadata(Buffer.from(await body.bytes()).toString('utf8')), etag: body.etag };
    } catch (error) {
      if (error instanceof NotFoundError) return { metadata: emptyPodMetadata(), etag: undefined };
      throw error;
    }
  }

  /**
   * Makes `next` the pod's metadata, if it still is as `before` says. Throws CommitLostError when it is not. A commit whose answer
   * was lost, or which met its own repetition, is looked up by its commit id.
   */
  async commit(
    pod: string,
    before: MetadataVersion,
    next: PodMetadata,
    signal?: AbortSignal,
  ): Promise<MetadataVersion> {
    try {
      const { etag } = await this.store.put(metadataKey(pod), Buffer.from(serializePodMetadata(next)), {
        contentType: 'application/json',
        condition: before.etag === undefined ? { absent: true } : { etag: before.etag },
        ...(signal && { signal }),
      });
      return { metadata: next, etag };
    } catch (error) {
      if (!(
        error instanceof PreconditionFailedError ||
        error instanceof StoreUnavailableError ||
        error instanceof NotFoundError
      ))
        throw error;
      const now = await this.read(pod, signal);
      if (now.metadata.commit_id === next.commit_id) return now;
      // An unanswered write may still arrive, but then its condition will not hold if anybody commits before.
      if (error instanceof StoreUnavailableError) throw error;
      throw new CommitLostError(pod);
    }
  }

  /** The pods that have metadata, after `startAfter` in the order of keys; one request for every 1,000. */
  async *pods(options: { readonly startAfter?: string; readonly signal?: AbortSignal } = {}): AsyncGenerator<string[]> {
    const { startAfter, signal } = options;
    const list = {
      prefix: METADATA_PREFIX,
      delimiter: '/',
      ...(startAfter !== undefined && { startAfter: metadataKey(startAfter) }),
      ...(signal && { signal }),
    };
    for await (const page of this.store.list(list)) {
      yield page.objects.flatMap(({ key }) => {
        const parsed = parseMetadataKey(key);
        return parsed.ok ? [parsed.key.pod] : [];
      });
    }
  }
}
