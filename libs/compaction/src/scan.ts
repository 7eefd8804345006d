import { type ObjectStore, podsWithRawFiles } from '@cordwood/log-store';

/** What a scan asks of those who know when pods were last looked at, and who hand out the work. */
export interface ScanOptions {
  readonly store: ObjectStore;
  /** Those of the pods that are due. */
  readonly dueAmong: (pods: readonly string[]) => Promise<readonly string[]>;
  /** Hands the pods out; gives the names that it cannot take. */
  readonly enqueue: (pods: readonly string[]) => Promise<readonly string[]>;
  /** A key, or the beginning of keys, that belongs to no pod. */
  readonly onStrayKey: (key: string) => void;
}

export interface ScanResult {
  /** Pods that have raw files. */
  readonly pods: number;
  /** Those of them that were due, and so were handed out. */
  readonly due: number;
  readonly stray: number;
}

/** Finds the pods with raw files and hands out those that are due: by listing alone, one request for every 1,000 pods. */
export async function scan(options: ScanOptions, signal?: AbortSignal): Promise<ScanResult> {
  const { store, dueAmong, enqueue, onStrayKey } = options;
  let pods = 0;
  let due = 0;
  let stray = 0;
  for await (const page of podsWithRawFiles(store, signal)) {
    for (const key of page.stray) onStrayKey(key);
    stray += page.stray.length;
    pods += page.pods.length;
    const duePods = page.pods.length === 0 ? [] : await dueAmong(page.pods);
    if (duePods.length === 0) continue;
    const refused = await enqueue(duePods);
    due += duePods.length - refused.length;
    signal?.throwIfAborted();
  }
  return { pods, due, stray };
}
