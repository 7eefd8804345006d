import { gunzipSync, gzipSync } from 'node:zlib';
import { MetadataStore, type ObjectStore } from '@cordwood/log-store';

/** What is listed as the pods' logs. */
export interface MergedFiles {
  readonly files: number;
  readonly storedBytes: number;
  /** What `gzip -6` makes of the same files. */
  readonly gzip6Bytes: number;
}

export async function mergedFilesOf(store: ObjectStore, pods: readonly string[]): Promise<MergedFiles> {
  const metadata = new MetadataStore(store);
  let files = 0;
  let storedBytes = 0;
  let gzip6Bytes = 0;
  for (const pod of pods) {
    const version = await metadata.read(pod);
    for (const { key } of version.metadata.log_files) {
      const body = await (await store.get(key)).bytes();
      files++;
      storedBytes += body.length;
      gzip6Bytes += gzipSync(gunzipSync(body)).length;
    }
  }
  return { files, storedBytes, gzip6Bytes };
}
