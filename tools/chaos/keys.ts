import { createHash } from 'node:crypto';

/** The directory of a container instance's raw files. Written out here: the run must not believe the code that it tests. */
export const rawDirectory = (pod: string, container: string, containerId: string): string =>
  `${rawPrefix(pod)}jobs_${container}-${containerId}.log/`;

export const rawPrefix = (pod: string): string => `kube.var.log.containers.${pod}_`;

/** `{date}__{index}.gz`. `minute`: since 1970. */
export const rawName = (minute: number, index: number): string =>
  `${new Date(minute * 60_000).toISOString().replace(/[-T:]/g, '').slice(0, 12)}__${index}.gz`;

export const containerIdOf = (label: string, seed: string): string =>
  createHash('sha256').update(`${seed} ${label}`).digest('hex');

/** What a request to the store is about, by the key in its path. */
export function operationOf(method: string, url: string, prefix: string): string {
  const [path = '', query = ''] = url.split('?', 2);
  const key = decodeURIComponent(path).split('/').slice(2).join('/').replace(prefix, '');
  if (method === 'POST' && query.startsWith('delete')) return 'delete';
  if (key === '') return 'list';
  const place = key.startsWith('kube.') ? 'raw' : (/^(data|metadata|damaged)\//.exec(key)?.[1] ?? 'other');
  return `${method.toLowerCase()} ${place}`;
}
