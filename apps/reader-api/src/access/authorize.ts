import type { PodLog } from '@cordwood/log-store';
import { MetadataError, namespaceOfDamaged } from '@cordwood/pod-metadata';
import { namespaceOfRawPrefix } from '@cordwood/s3-key-format';
import { ApiError } from '../errors/catalogue.ts';
import type { Caller, Verb } from './caller.ts';

/** What somebody wants to do with a job's log. */
export interface Wish {
  readonly caller: Caller;
  readonly verb: Verb;
  readonly job: string;
  /** The namespace that is meant, by the request or JOBS_NAMESPACE; undefined: wherever the job is. */
  readonly namespace: string | undefined;
}

const DOINGS: Readonly<Record<Verb, string>> = { get: 'read', delete: 'delete' };

/** The same words whether the job exists or not: they may not know that either. */
export function forbidden({ verb, job, namespace }: Pick<Wish, 'verb' | 'job' | 'namespace'>): ApiError {
  const place = namespace === undefined ? 'in no namespace that may have it' : `not in the namespace ${namespace}`;
  return new ApiError(
    'forbidden',
    `you may ${DOINGS[verb]} logs of the job ${job} ${place}, whether there are any or not`,
  );
}

/** Checks a wish that names its namespace, before anything is looked up. Throws ApiError `forbidden`. */
export async function checkNamed(wish: Wish): Promise<void> {
  const { caller, verb, job, namespace } = wish;
  if (namespace !== undefined && !(await caller.may(verb, namespace, job))) throw forbidden(wish);
}

/**
 * Opens what is archived of the job, whoever's it is. Of metadata that cannot be read nothing tells whose it is: throws ApiError `forbidden`
 * where the wish names no namespace, unless the caller may know of all jobs; else MetadataError.
 */
export async function openFor<Log>(
  wish: Wish,
  reader: { open(job: string, signal: AbortSignal): Promise<Log> },
  signal: AbortSignal,
): Promise<Log> {
  try {
    return await reader.open(wish.job, signal);
  } catch (error) {
    const isHidden = error instanceof MetadataError && wish.namespace === undefined;
    if (isHidden && !(await wish.caller.mayEverything(wish.verb))) throw forbidden(wish);
    throw error;
  }
}

/**
 * Those of the namespaces which have something of the job that the wish may be about. Where it names none, throws ApiError `forbidden` when
 * that is none of them, unless the caller may know that there is none at all.
 */
export async function allowedNamespaces<N extends string | undefined>(
  wish: Wish,
  namespaces: Iterable<N>,
): Promise<ReadonlySet<N>> {
  const { caller, verb, job, namespace } = wish;
  const all = [...new Set(namespaces)];
  const mine = new Set(await filterAllowed(wish, all));
  if (mine.size > 0 || namespace !== undefined) return mine;
  if (!(await caller.mayEverything(verb))) throw forbidden(wish);
  if (all.length > 0) {
    const reason =
      'nothing tells the namespace of its files (LEGACY_NAMESPACE), so that no right to them can be checked';
    throw new ApiError('forbidden', `the log of the job ${job} is shown to nobody: ${reason}`);
  }
  return mine;
}

/**
 * The log, as if there were nothing in the namespaces that the wish may not be about. Throws as {@link allowedNamespaces} does. `live`:
 * namespaces that have such a pod right now, whatever is archived of it.
 */
export async function allowedLog<Log extends Pick<PodLog, 'instances' | 'stray' | 'version'>>(
  wish: Wish,
  log: Log,
  live: readonly string[] = [],
): Promise<Log> {
  const { instances, stray, version } = log;
  const { deleted, damaged } = version.metadata;
  const known = [...[...instances, ...deleted].map(({ namespace }) => namespace), ...live];
  const allowed = await allowedNamespaces<string | undefined>(wish, known);
  // They tell of no log that could be read; but of namespaces.
  const odd = new Set([...stray.map(({ key }) => namespaceOfRawPrefix(key)), ...damaged.map(namespaceOfDamaged)]);
  const shown = new Set([...allowed, ...(await filterAllowed(wish, [...odd.difference(allowed)]))]);
  const mayKnow = allowed.size > 0 || (await wish.caller.mayEverything(wish.verb));
  return {
    ...log,
    instances: instances.filter(({ namespace }) => shown.has(namespace)),
    stray: stray.filter(({ key }) => shown.has(namespaceOfRawPrefix(key))),
    version: {
      // Else as of a job that there is not.
      etag: mayKnow ? version.etag : undefined,
      metadata: {
        ...version.metadata,
        deleted: deleted.filter(({ namespace }) => shown.has(namespace)),
        damaged: damaged.filter((entry) => shown.has(namespaceOfDamaged(entry))),
      },
    },
  };
}

async function filterAllowed<N extends string | undefined>(
  { caller, verb, job }: Wish,
  namespaces: readonly N[],
): Promise<N[]> {
  const allowed = await Promise.all(namespaces.map((each) => caller.may(verb, each, job)));
  return namespaces.filter((_, index) => allowed[index]);
}
