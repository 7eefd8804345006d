import { NotFoundError, type ObjectStore } from '@cordwood/log-store';

/** Pod metadata as far as the run looks at it; parsed without Cordwood's own code. */
export interface StoredMetadata {
  readonly commit_id: string;
  readonly log_files: readonly { readonly key: string; readonly records_count: number }[];
  readonly merged_raw: readonly { readonly key: string; readonly etag: string }[];
  readonly superseded: readonly { readonly key: string }[];
}

/** undefined: the pod has none. */
export async function readMetadata(store: ObjectStore, pod: string): Promise<StoredMetadata | undefined> {
  try {
    const body = await store.get(`metadata/${pod}.json`);
    return JSON.parse(Buffer.from(await body.bytes()).toString()) as StoredMetadata;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** Whether this version of a raw object was merged: the metadata says so, or it is gone, which nobody else does. */
export async function isMerged(
  store: ObjectStore,
  pod: string,
  version: { readonly key: string; readonly etag: string },
): Promise<boolean> {
  const metadata = await readMetadata(store, pod);
  if (metadata?.merged_raw.some(({ key, etag }) => key === version.key && etag === version.etag)) return true;
  return !(await keysBelow(store, version.key)).includes(version.key);
}

export async function keysBelow(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list({ prefix })) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}
