import {
  emptyPodMetadata,
  MetadataError,
  parsePodMetadata,
  type PodMetadata,
  serializePodMetadata,
} from '@cordwood/pod-metadata';
import { METADATA_PREFIX, metadataKey, parseMetadataKey } from '@cordwood/s3-key-format';
import type { CommitGuard, CommitLease } from './commit-guard.ts';
import { NotFoundError, PreconditionFailedError, type StoreErrorDetails, StoreUnavailableError } from './errors.ts';
import type { ObjectStore, PutOptions } from './object-store.ts';

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
  private readonly guard: () => CommitGuard | undefined;

  /** `guard` is asked at every commit; it gives one when the store does not honour conditions, and may throw when there is none. */
  constructor(store: ObjectStore, guard: () => CommitGuard | undefined = () => undefined) {
    this.store = store;
    this.guard = guard;
  }

  /** The pod's metadata, empty when it has none. Throws MetadataError when it cannot be understood. */
  async read(pod: string, signal?: AbortSignal): Promise<MetadataVersion> {
    try {
      const body = await this.store.get(metadataKey(pod), signal ? { signal } : {});
      return { metadata: parsePodMetadata(Buffer.from(await body.bytes()).toString('utf8')), etag: body.etag };
    } catch (error) {
      if (error instanceof NotFoundError) return { metadata: emptyPodMetadata(), etag: undefined };
      if (error instanceof MetadataError) throw error.of(metadataKey(pod));
      throw error;
    }
  }

  /**
   * Makes `next` the pod's metadata, if it still is as `before` says. Throws CommitLostError when it is not. A commit whose answer
   * was lost, or which met its own repetition, is looked up by its commit id. Where commits are guarded, StoreUnavailableError also
   * says that the guard could not be had or was lost.
   */
  async commit(
    pod: string,
    before: MetadataVersion,
    next: PodMetadata,
    signal?: AbortSignal,
  ): Promise<MetadataVersion> {
    const guard = this.guard();
    if (guard === undefined) return this.write(pod, before, next, { signal });
    const lease = await guarded(this.failure(pod), signal, () => guard.acquire(pod, signal));
    // A write that ended badly may still arrive: then the others are to wait until the lease runs out.
    let mayArrive = false;
    try {
      if ((await this.etagOf(pod, signal)) !== before.etag) throw new CommitLostError(pod);
      await guarded(this.failure(pod), signal, () => lease.renew());
      mayArrive = true;
      await this.writeWithin(lease, pod, before, next, signal);
      mayArrive = false;
      const stored = await this.read(pod, signal);
      // Somebody who does not ask this guard, or whose request was under way for longer than his lease.
      if (stored.metadata.commit_id !== next.commit_id) throw new CommitLostError(pod);
      return stored;
    } finally {
      if (!mayArrive) await lease.release();
    }
  }

  /** Writes while the lease lasts: no try is sent after that, and one that has no answer by then is broken off. */
  private async writeWithin(
    lease: CommitLease,
    pod: string,
    before: MetadataVersion,
    next: PodMetadata,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const over = new AbortController();
    const runOut = () => new StoreUnavailableError('the lease on the commit has run out', this.failure(pod));
    const timer = setTimeout(() => over.abort(runOut()), Math.max(0, lease.remainingMs()));
    try {
      await this.write(pod, before, next, {
        signal,
        putSignal: over.signal,
        // A process that was frozen wakes up to its next step, not to its timers: so the clock is asked as late as can be.
        beforeSend: () => {
          if (lease.remainingMs() <= 0) throw runOut();
        },
      });
    } finally {
      clearTimeout(timer);
    }
  }

  private async write(
    pod: string,
    before: MetadataVersion,
    next: PodMetadata,
    options: Pick<PutOptions, 'beforeSend'> & { signal: AbortSignal | undefined; putSignal?: AbortSignal },
  ): Promise<MetadataVersion> {
    const { signal, putSignal, beforeSend } = options;
    const signals = [signal, putSignal].filter((one) => one !== undefined);
    try {
      const { etag } = await this.store.put(metadataKey(pod), Buffer.from(serializePodMetadata(next)), {
        contentType: 'application/json',
        condition: before.etag === undefined ? { absent: true } : { etag: before.etag },
        ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
        ...(beforeSend && { beforeSend }),
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

  /**
   * Deletes the pod's metadata, if it still is as `version` says; a merge that started from it loses its race. Throws CommitLostError when
   * it is not. False, and nothing done, where the store does not honour conditional deletes, or where commits are guarded.
   */
  async delete(pod: string, version: MetadataVersion, signal?: AbortSignal): Promise<boolean> {
    if (version.etag === undefined) return true;
    if (this.guard() !== undefined) return false;
    try {
      return await this.store.deleteUnchanged(metadataKey(pod), version.etag, signal);
    } catch (error) {
      if (error instanceof PreconditionFailedError) throw new CommitLostError(pod);
      throw error;
    }
  }

  private async etagOf(pod: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    try {
      return (await this.store.head(metadataKey(pod), signal)).etag;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  private failure(pod: string): StoreErrorDetails {
    return { operation: 'commit', bucket: this.store.bucket, key: metadataKey(pod) };
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

/** Asks the guard. Its refusal means: nothing is written, try again later. */
async function guarded<T>(
  failed: StoreErrorDetails,
  signal: AbortSignal | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreUnavailableError(`the commit cannot be guarded: ${reason}`, { ...failed, cause });
  }
}
