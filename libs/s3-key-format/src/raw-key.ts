import { parseMinute } from './minute.ts';
import { isContainerName, isNamespaceName, isPodName } from './names.ts';
import { type KeyResult, problem } from './result.ts';

/** Everything that Fluent Bit (or ingest-api) writes lies below this. */
export const RAW_PREFIX = 'kube.var.log.containers.';

/**
 * The parts of a raw file's key,
 * `kube.var.log.containers.{pod}_{namespace}_{container}-{containerId}[.log]/{date}_{index}.gz`.
 */
export interface RawKey {
  readonly pod: string;
  readonly namespace: string;
  readonly container: string;
  readonly containerId: string;
  /** `YYYYMMDDHHmm`, UTC. */
  readonly date: string;
  /** Decimal digits as they stand; compare with {@link compareRawFiles}, not as text. */
  readonly index: string;
  /** Whether the directory ends in `.log`, as the tag of real Fluent Bit does. */
  readonly logSuffix: boolean;
  /** The underscores between date and index: one in the design, two from Fluent Bit's `$INDEX` formats. */
  readonly separator: string;
}

const FILE = /^(\d{12})(_+)(\d{1,30})\.gz$/;

/** Takes a raw file's key apart. */
export function parseRawKey(key: string): KeyResult<RawKey> {
  if (!key.startsWith(RAW_PREFIX)) return problem('not under the prefix');
  if (key.endsWith('/')) return problem('folder marker');
  const [directory = '', file, ...deeper] = key.slice(RAW_PREFIX.length).split('/');
  if (file === undefined || deeper.length > 0) return problem('not two levels deep');

  const logSuffix = directory.endsWith('.log');
  const [pod, namespace, instance, ...more] = (logSuffix ? directory.slice(0, -4) : directory).split('_');
  if (pod === undefined || namespace === undefined || instance === undefined || more.length > 0) {
    return problem('directory is not pod_namespace_container-id');
  }
  const dash = instance.lastIndexOf('-');
  const containerId = instance.slice(dash + 1);
  if (dash < 1 || !/^[A-Za-z0-9]+$/.test(containerId)) return problem('no container id');
  const container = instance.slice(0, dash);
  if (!isPodName(pod) || !isNamespaceName(namespace) || !isContainerName(container)) {
    return problem('name that Kubernetes forbids');
  }

  const [, date, separator, index] = FILE.exec(file) ?? [];
  if (date === undefined || separator === undefined || index === undefined) return problem('file is not date_index.gz');
  if (parseMinute(date) === undefined) return problem('date that does not exist');
  return { ok: true, key: { pod, namespace, container, containerId, date, index, logSuffix, separator } };
}

/** The inverse of {@link parseRawKey}. */
export function formatRawKey(key: RawKey): string {
  const directory = `${key.pod}_${key.namespace}_${key.container}-${key.containerId}${key.logSuffix ? '.log' : ''}`;
  return `${RAW_PREFIX}${directory}/${key.date}${key.separator}${key.index}.gz`;
}

/** Below this lie the raw files of the pod, in whatever namespace, and nothing of any other pod: names cannot hold `_`. */
export const rawPrefixOfPod = (pod: string): string => `${RAW_PREFIX}${pod}_`;

/** The pod of a prefix as {@link rawPrefixOfPod} builds it (what a listing with the delimiter `_` gives), if it is one. */
export function podOfRawPrefix(prefix: string): string | undefined {
  if (!prefix.startsWith(RAW_PREFIX) || !prefix.endsWith('_')) return undefined;
  const pod = prefix.slice(RAW_PREFIX.length, -1);
  return isPodName(pod) ? pod : undefined;
}

/** The namespace that an object below {@link rawPrefixOfPod} names, also one that is no raw file; undefined when it names none. */
export function namespaceOfRawPrefix(key: string): string | undefined {
  if (!key.startsWith(RAW_PREFIX)) return undefined;
  const [, namespace, ...rest] = key.slice(RAW_PREFIX.length).split('_');
  return rest.length > 0 && namespace !== undefined && isNamespaceName(namespace) ? namespace : undefined;
}

/** Orders the files of one container instance by date, then by index as a number. */
export function compareRawFiles(a: Pick<RawKey, 'date' | 'index'>, b: Pick<RawKey, 'date' | 'index'>): number {
  if (a.date !== b.date) return a.date < b.date ? -1 : 1;
  const left = a.index.replace(/^0+/, '');
  const right = b.index.replace(/^0+/, '');
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
