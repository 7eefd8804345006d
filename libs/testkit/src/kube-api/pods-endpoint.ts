import type { KubeApiRequest } from './faults.ts';
import type { PodDouble } from './pod.ts';
import { podTable } from './pod-table.ts';
import { fieldSelector, labelSelector } from './selectors.ts';
import { ApiError, badRequest } from './status.ts';

const wantsTable = (accept: string | undefined): boolean =>
  (accept ?? '').split(',').some((type) => type.includes('as=Table'));

/** One pod, in the form that is asked for. */
export const podAnswer = (pod: PodDouble, accept: string | undefined, now: Date): object =>
  wantsTable(accept) ? podTable([pod], now, {}) : pod.json();

/** A page of pods, in the form that is asked for. @throws ApiError as the API server's */
export function listPods(
  pods: readonly PodDouble[],
  request: KubeApiRequest,
  accept: string | undefined,
  now: Date,
): object {
  const { query, namespace } = request;
  if (query.get('watch') === 'true' || query.get('watch') === '1') {
    throw new ApiError(405, 'MethodNotAllowed', 'the double does not watch', {});
  }
  const byField = fieldSelector(query.get('fieldSelector'));
  const byLabel = labelSelector(query.get('labelSelector'));
  const key = (pod: PodDouble) => `${pod.namespace}/${pod.name}`;
  const start = startOf(query.get('continue'));
  const found = pods
    .filter((pod) => (namespace === undefined || pod.namespace === namespace) && byField(pod) && byLabel(pod))
    .filter((pod) => key(pod) >= start)
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  const limit = Number(query.get('limit') ?? 0);
  const page = limit > 0 ? found.slice(0, limit) : found;
  const next = found[page.length];
  const metadata = {
    resourceVersion: '1',
    ...(next && {
      continue: Buffer.from(key(next)).toString('base64url'),
      remainingItemCount: found.length - page.length,
    }),
  };
  return wantsTable(accept)
    ? podTable(page, now, metadata)
    : { kind: 'PodList', apiVersion: 'v1', metadata, items: page.map((pod) => pod.json()) };
}

function startOf(token: string | null): string {
  const start = Buffer.from(token ?? '', 'base64url').toString('utf8');
  if (token && !start.includes('/')) throw badRequest('continue key is not valid');
  return start;
}

/** All namespaces, or the one of the path. @throws ApiError when there is none */
export function namespaceAnswer(namespaces: ReadonlySet<string>, { path }: KubeApiRequest): object {
  const namespace = (name: string) => ({ metadata: { name }, spec: {}, status: { phase: 'Active' } });
  const name = path.split('/')[4];
  if (name === undefined) {
    const items = [...namespaces].toSorted().map(namespace);
    return { kind: 'NamespaceList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items };
  }
  if (!namespaces.has(name)) {
    throw new ApiError(404, 'NotFound', `namespaces "${name}" not found`, { name, kind: 'namespaces' });
  }
  return { kind: 'Namespace', apiVersion: 'v1', ...namespace(name) };
}
