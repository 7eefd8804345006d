import { compareInstants, type Instant, parseTime } from '@cordwood/log-record';
import {
  deletedUntil,
  instanceId,
  isReferenceFile,
  type LogFile,
  ownerOf,
  type PodMetadata,
} from '@cordwood/pod-metadata';
import type { RawKey } from '@cordwood/s3-key-format';

/** One run of a container, with its merged files and raw files `R`. */
export interface ContainerInstance<R> {
  readonly pod: string;
  /** Unknown only for files of the reference whose namespace nothing tells. */
  readonly namespace: string | undefined;
  /** For files of the reference the pod's name, unless a raw file tells: it only knew such containers. */
  readonly container: string;
  readonly containerId: string;
  readonly merged: readonly LogFile[];
  readonly raw: readonly R[];
  /** Records of raw files at or before this were deleted, whenever the files arrived. Merged files hold none of them. */
  readonly deletedUntil: Instant | undefined;
}

/** Sorts a pod's files by container instance. */
export function instancesOf<R extends { readonly parsed: RawKey }>(
  pod: string,
  metadata: PodMetadata,
  raw: readonly R[],
  legacyNamespace: string | undefined,
): ContainerInstance<R>[] {
  interface Collected {
    namespace: string | undefined;
    container: string | undefined;
    containerId: string;
    merged: LogFile[];
    raw: R[];
  }
  const instances = new Map<string, Collected>();
  const at = (namespace: string | undefined, containerId: string): Collected => {
    const id = instanceId(namespace, containerId);
    let instance = instances.get(id);
    if (instance === undefined) {
      instance = { namespace, container: undefined, containerId, merged: [], raw: [] };
      instances.set(id, instance);
    }
    return instance;
  };
  for (const file of metadata.log_files) {
    const owner = ownerOf(file, metadata, legacyNamespace);
    const instance = at(owner.namespace, owner.containerId);
    instance.container ??= owner.container;
    instance.merged.push(file);
  }
  for (const file of raw) {
    const instance = at(file.parsed.namespace, file.parsed.containerId);
    instance.container ??= file.parsed.container;
    instance.raw.push(file);
  }
  return [...instances.values()].map((instance) => ({
    ...instance,
    pod,
    container: instance.container ?? pod,
    deletedUntil: deletedUntil(metadata, instance.namespace, instance.containerId),
  }));
}

/** The ordering time of the first record of a merged file. */
export const firstOrderOf = (file: LogFile): Instant | undefined =>
  parseTime(file.order_time ?? file.first_record_time);

/** The ordering time of the last record of a merged file. */
export const endOrderOf = (file: LogFile): Instant | undefined =>
  parseTime(file.end_order_time ?? file.last_record_time);

/** Whether the times in a file's entry can be relied on: the reference's are those of its first and last line, whatever lies between. */
export const hasTrustedTimes = (file: LogFile): boolean => !isReferenceFile(file);

/** The earliest of the instants that are known. */
export function earliestOf(instants: readonly (Instant | undefined)[]): Instant | undefined {
  return instants.reduce(
    (least, instant) =>
      least === undefined || (instant !== undefined && compareInstants(instant, least) < 0) ? instant : least,
    undefined,
  );
}

/** The latest of the instants that are known. */
export function latestOf(instants: readonly (Instant | undefined)[]): Instant | undefined {
  return instants.reduce(
    (most, instant) =>
      most === undefined || (instant !== undefined && compareInstants(instant, most) > 0) ? instant : most,
    undefined,
  );
}
