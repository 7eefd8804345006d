import type { RawObject } from '@cordwood/log-store';
import type { PodMetadata } from '@cordwood/pod-metadata';

/** Of the logs of a pod, as far as its files name them. `metadata` undefined: it cannot be read. */
export function namespacesOf(metadata: PodMetadata | undefined, listed: readonly RawObject[]): readonly string[] {
  const named = new Set(metadata?.log_files.map(({ namespace }) => namespace));
  for (const file of listed) named.add(file.parsed.namespace);
  return [...named].filter((namespace) => namespace !== undefined).toSorted();
}
