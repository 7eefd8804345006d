import { type Kube, KubeError, type KubePod } from '@cordwood/kube';
import type { ContainerInstance, LogReader, RawObject } from '@cordwood/log-store';
import type { Tombstone } from '@cordwood/pod-metadata';
import { allowedLog, checkNamed, openFor } from '../access/authorize.ts';
import type { Caller } from '../access/caller.ts';
import { ApiError } from '../errors/catalogue.ts';
import { toApiError } from '../errors/to-api-error.ts';
import { deletedError, tombstonesIn, tombstonesOf } from '../jobs/deleted.ts';
import { inNamespace } from '../jobs/namespace.ts';
import { inContainer } from './containers.ts';
import { livePods } from './live-pods.ts';

export interface ResolveOptions {
  readonly reader: Pick<LogReader, 'open'>;
  /** Undefined: the archive is all there is. */
  readonly kube: Kube | undefined;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
  readonly firstContainer: (instances: readonly ContainerInstance<RawObject>[], signal: AbortSignal) => Promise<string>;
}

export interface JobRequest {
  readonly job: string;
  readonly namespace: string | undefined;
  /** `*`: all of them. */
  readonly container: string | undefined;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** Which log is meant, of what is archived and what Kubernetes has. */
export interface ResolvedJob {
  readonly namespace: string | undefined;
  readonly containers: readonly string[];
  /** What is archived of these. */
  readonly instances: readonly ContainerInstance<RawObject>[];
  /** What is known of deleted parts. */
  readonly deleted: readonly Tombstone[];
  /** The pod, if Kubernetes still has it. */
  readonly pod: KubePod | undefined;
  /** Whether Kubernetes could tell. */
  readonly isPodKnown: boolean;
}

/** Finds what is meant by a request. Throws ApiError when there is no such thing, or the caller may not read it. */
export async function resolveJob(options: ResolveOptions, request: JobRequest): Promise<ResolvedJob> {
  const { job, caller, signal } = request;
  const meant = request.namespace ?? options.namespace;
  const wish = { caller, verb: 'get', job, namespace: meant } as const;
  await checkNamed(wish);
  const [archived, live] = await Promise.all([
    openFor(wish, options.reader, signal),
    livePods(options.kube, { job, namespace: meant, caller, signal }),
  ]);
  const log = await allowedLog(wish, archived, live.namespaces);
  if (log.instances.length === 0 && log.version.etag === undefined && live.namespaces.length === 0) {
    // It may be that only Kubernetes has it yet.
    if (live.problem !== undefined) throw toApiError(live.problem);
    throw new ApiError('job_not_found', `there is no job ${job}`);
  }
  const isLeft =
    live.namespaces.length > 0 || log.instances.some(({ namespace }) => meant === undefined || namespace === meant);
  const tombstones = tombstonesIn(log.version.metadata, meant);
  if (!isLeft && tombstones.length > 0) throw deletedError(`the job ${job}`, tombstones);

  const choice = { asked: request.namespace, preset: options.namespace, live: live.namespaces };
  const { namespace, instances } = inNamespace(job, log.instances, choice);
  const { pod, isPodKnown } = await podIn(live, namespace, options.kube !== undefined);
  const deleted = tombstonesOf(tombstonesIn(log.version.metadata, namespace), request.container);
  const ofPod = pod === undefined ? [] : pod.containers.map(({ name }) => name);
  const { container } = request;
  const names = [...ofPod, ...instances.map((each) => each.container)];
  if (container !== undefined && container !== '*' && deleted.length > 0 && !names.includes(container)) {
    throw deletedError(`the container ${container} of the job ${job}`, deleted);
  }
  const chosen = await inContainer({
    job,
    instances,
    ofPod,
    asked: container,
    firstContainer: (several) => options.firstContainer(several, signal),
  });
  return { namespace, ...chosen, deleted, pod, isPodKnown };
}

async function podIn(
  live: Awaited<ReturnType<typeof livePods>>,
  namespace: string | undefined,
  isAsked: boolean,
): Promise<{ readonly pod: KubePod | undefined; readonly isPodKnown: boolean }> {
  if (!isAsked || live.problem !== undefined) return { pod: undefined, isPodKnown: false };
  try {
    return { pod: await live.pod(namespace), isPodKnown: true };
  } catch (error) {
    if (error instanceof KubeError) return { pod: undefined, isPodKnown: false };
    throw error;
  }
}
