import { parseMergedKey, parseRawKey } from '@cordwood/s3-key-format';
import type { LogFile, PodMetadata } from './schema.ts';

/** Whose a merged file is. `container` is unknown for files of the reference. */
export interface FileOwner {
  readonly namespace: string | undefined;
  readonly container: string | undefined;
  readonly containerId: string;
}

/** A name for a container instance among those of a pod. */
export const instanceId = (namespace: string | undefined, containerId: string): string =>
  `${namespace ?? ''}/${containerId}`;

/** Whether the file was written by the reference: then its times and counts are hints, and no raw object is listed for it. */
export const isReferenceFile = (file: LogFile): boolean => file.namespace === undefined;

/**
 * Whose the file is. Entries of the reference name no namespace: they are `legacyNamespace`'s if that is set, else that of the
 * raw file which the reference merged last.
 */
export function ownerOf(file: LogFile, metadata: PodMetadata, legacyNamespace: string | undefined): FileOwner {
  const parsed = parseMergedKey(file.key);
  return {
    namespace: file.namespace ?? legacyNamespace ?? namespaceOfReference(metadata),
    container: file.container,
    containerId: file.container_id ?? (parsed.ok ? parsed.key.containerId : ''),
  };
}

function namespaceOfReference(metadata: PodMetadata): string | undefined {
  const parsed = parseRawKey(metadata.reference_last_merged_key ?? '');
  return parsed.ok ? parsed.key.namespace : undefined;
}
