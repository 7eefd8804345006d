import type { ContainerInstance } from '@cordwood/log-store';
import { ApiError } from '../errors/catalogue.ts';

type Instances<R> = readonly ContainerInstance<R>[];

export interface NamespaceChoice {
  /** The request's. */
  readonly asked: string | undefined;
  /** JOBS_NAMESPACE. */
  readonly preset: string | undefined;
  /** Namespaces that have such a pod right now, whatever is archived of it. */
  readonly live?: readonly string[];
}

/** The namespaces that have the job, by name. */
export const namespacesOf = (instances: Instances<unknown>): string[] =>
  [...new Set(instances.flatMap(({ namespace }) => namespace ?? []))].toSorted();

/**
 * The instances of the one namespace that is meant: the one asked for, else the preset one, else the only one. Throws ApiError.
 * Files of the reference whose namespace nothing tells go with the only one that is known.
 */
export function inNamespace<R>(
  job: string,
  instances: Instances<R>,
  { asked, preset, live = [] }: NamespaceChoice,
): { readonly namespace: string | undefined; readonly instances: Instances<R> } {
  const known = [...new Set([...namespacesOf(instances), ...live])].toSorted();
  const meant = asked ?? preset;
  if (meant === undefined) {
    if (known.length > 1) {
      const message = `namespace is not given, and several have the job ${job}: ${known.join(', ')}`;
      throw new ApiError('ambiguous_namespace', message);
    }
    return { namespace: known[0], instances };
  }
  if (known.includes(meant)) {
    const alone = known.length === 1;
    return {
      namespace: meant,
      instances: instances.filter(({ namespace }) => namespace === meant || (namespace === undefined && alone)),
    };
  }
  if (asked === undefined) throw new ApiError('job_not_found', `there is no job ${job} in the namespace ${meant}`);
  const others =
    known.length > 0
      ? `these have it: ${known.join(', ')}`
      : 'nothing tells the namespace of its files (LEGACY_NAMESPACE)';
  throw new ApiError('namespace_not_found', `the namespace ${asked} has no job ${job}; ${others}`);
}
