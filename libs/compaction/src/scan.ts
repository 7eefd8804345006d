import { type ObjectStore, podsWithRawFiles } from '@cordwood/log-store';

/** Whether more work can be handed out: at once, after a wait, or not in the time that there is. */
export type Room = 'now' | 'waited' | 'none';

/** What a scan asks of those who know when pods were last looked at, and who hand out the work. */
export interface ScanOptions {
  readonly store: ObjectStore;
  /** The pod after which to begin: where the scan before had to stop. Undefined: with the first. */
  readonly after?: string | undefined;
  /** Those of the pods that are due. */
  readonly dueAmong: (pods: readonly string[]) => Promise<readonly string[]>;
  /** Asked before pods are handed out, at most once a page; waits for room. */
  readonly room: () => Promise<Room>;
  /** Hands the pods out; gives how many it took. */
  readonly enqueue: (pods: readonly string[]) => Promise<number>;
  /** Pods up to and including this one have been seen to, and need not be by the scan that takes over from this one. */
  readonly reached: (pod: string) => Promise<void>;
  /** A key, or the beginning of keys, that belongs to no pod. */
  readonly onStrayKey: (key: string) => void;
}

export interface ScanResult {
  /** Pods that have raw files, as far as the scan came. */
  readonly pods: number;
  /** Those of them that were due. */
  readonly due: number;
  /** Those of the due ones that were taken: there is a job for each. */
  readonly enqueued: number;
  readonly stray: number;
  /** Whether it came to the last pod. If not, there was no room for the due ones of the next page. */
  readonly toTheEnd: boolean;
}

/**
 * Finds the pods with raw files and hands out those that are due: by listing alone, one request for every 1,000 pods, of which one page is
 * held at a time. It hands out no more than there is room for; pods that come late in the listing get their turn when the next scan begins
 * where this one stopped.
 */
export async function scan(options: ScanOptions, signal?: AbortSignal): Promise<ScanResult> {
  const { store, after, dueAmong, room, enqueue, reached, onStrayKey } = options;
  const result = { pods: 0, due: 0, enqueued: 0, stray: 0 };
  for await (const page of podsWithRawFiles(store, { after, signal })) {
    for (const key of page.stray) onStrayKey(key);
    result.stray += page.stray.length;
    const last = page.pods.at(-1);
    if (last === undefined) continue;
    let due = await dueAmong(page.pods);
    if (due.length > 0) {
      const found = await room();
      if (found === 'none') return { ...result, toTheEnd: false };
      // Room was made by work that was done: some of it may have been these pods'.
      if (found === 'waited') due = await dueAmong(page.pods);
    }
    result.pods += page.pods.length;
    result.due += due.length;
    if (due.length > 0) {
      result.enqueued += await enqueue(due);
      await reached(last);
    }
    signal?.throwIfAborted();
  }
  return { ...result, toTheEnd: true };
}
