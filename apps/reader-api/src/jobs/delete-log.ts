import { deleteLog as deleteFromBucket, type DeleteLogOptions, DeletionRefusedError } from '@cordwood/compaction';
import { type Kube, type KubePod, KubeUnavailableError } from '@cordwood/kube';
import { CommitLostError, type LogReader, type PodLog } from '@cordwood/log-store';
import { formatStamp, type RequestedDeletion } from '@cordwood/pod-metadata';
import { z } from 'zod';
import { allowedLog, checkNamed, openFor } from '../access/authorize.ts';
import type { Verb } from '../access/caller.ts';
import { ApiError, KUBE_ERRORS, STORAGE_ERRORS } from '../errors/catalogue.ts';
import { toApiError } from '../errors/to-api-error.ts';
import { JSON_TYPE, operation } from '../http/operation.ts';
import { livePods } from '../log/live-pods.ts';
import { containerParameter, jobPath, namespaceParameter } from '../http/parameters.ts';
import { inNamespace, type NamespaceChoice, namespacesOf } from './namespace.ts';
import { tombstonesIn } from './deleted.ts';
import { deletedLogSchema } from './job-schemas.ts';

export interface DeleteLogRouteOptions extends DeleteLogOptions {
  readonly reader: Pick<LogReader, 'open'>;
  /** JOBS_NAMESPACE. */
  readonly namespace: string | undefined;
  /** Undefined: what is not collected yet is not known. */
  readonly kube: Kube | undefined;
  /** Whether the store sees to it that of two commits one is lost. */
  readonly commitsSafely: () => Promise<boolean>;
}

/** Compaction is through with a pod by then, mostly. */
const RETRY_AFTER = { headers: { 'Retry-After': '30' } };

/** `DELETE /api/v1/jobs/{job}/log`: nothing of the log is left, in one namespace. */
export const deleteLog = (options: DeleteLogRouteOptions) =>
  operation({
    id: 'deleteLog',
    method: 'delete',
    route: '/api/v1/jobs/:job/log',
    tag: 'logs',
    summary: 'Delete the log of a job',
    description:
      'In one namespace: of all containers, or of one. Everything up to now that is in the bucket is gone with the answer. So is what is not ' +
      'collected yet, of runs that the bucket has something of, and, with access to Kubernetes, of the current and the previous run of each ' +
      'container: what any other run had logged is kept when it is collected. A job that runs goes on logging; what is newer is kept, and its ' +
      'log says in `X-Log-Deleted-Until` what it lacks. The objects in the bucket are deleted later, by the cleanup worker. May be repeated.',
    path: jobPath,
    query: z.strictObject({
      namespace: namespaceParameter.optional(),
      container: containerParameter
        .meta({ description: 'Only of this container. Default: of all, as `*`.' })
        .optional(),
    }),
    responses: {
      200: { description: 'What was deleted.', content: { [JSON_TYPE]: { schema: deletedLogSchema } } },
    },
    errors: [
      'ambiguous_namespace',
      'job_not_found',
      'namespace_not_found',
      'container_not_found',
      'metadata_unreadable',
      'deletion_unsupported',
      'log_busy',
      ...KUBE_ERRORS,
      ...STORAGE_ERRORS,
    ],
    handle: async ({ path: { job }, query: { namespace: asked, container: named }, caller, signal }) => {
      const container = named === '*' ? undefined : named;
      const wish = { caller, verb: 'delete', job, namespace: asked ?? options.namespace } as const;
      await checkNamed(wish);
      const mayDelete = { ...caller, may: (_: Verb, place: string | undefined) => caller.may('delete', place, job) };
      const [archived, live] = await Promise.all([
        openFor(wish, options.reader, signal),
        livePods(options.kube, { job, namespace: wish.namespace, caller: mayDelete, signal }),
      ]);
      const log = await allowedLog(wish, archived, live.namespaces);
      // Else what a container has logged, and is not collected yet, would come back. Where we may not see pods, there is no helping it.
      if (live.problem instanceof KubeUnavailableError) throw toApiError(live.problem);
      const choice = { asked, preset: options.namespace, live: live.namespaces };
      const namespace = namespaceToDelete(job, log, choice);
      const instances = instancesOfPod(await live.pod(namespace));
      checkContainer(job, log, { namespace, container, ofPod: instances });
      if (!(await options.commitsSafely())) {
        throw new ApiError(
          'deletion_unsupported',
          'the store does not honour conditional writes: logs cannot be deleted safely here',
        );
      }
      const deletions = await deleteFromBucket(options, { pod: job, namespace, container, instances }, signal).catch(
        refused,
      );
      return { body: { json: deletedLog(job, namespace, deletions) } };
    },
  });

/** As for reading; but a log that was deleted before may be deleted again. Throws ApiError. */
function namespaceToDelete(
  job: string,
  log: PodLog,
  choice: NamespaceChoice & { readonly live: readonly string[] },
): string {
  const deleted = log.version.metadata.deleted;
  if (log.instances.length === 0 && log.version.etag === undefined && choice.live.length === 0) {
    throw new ApiError('job_not_found', `there is no job ${job}`);
  }
  const meant = choice.asked ?? choice.preset;
  const places = [...namespacesOf(log.instances), ...deleted.map((each) => each.namespace), ...choice.live];
  const known = [...new Set(places)].toSorted();
  if (meant === undefined && known.length > 1) {
    const message = `namespace is not given, and several have the job ${job}: ${known.join(', ')}`;
    throw new ApiError('ambiguous_namespace', message);
  }
  const [only] = known;
  const namespace = meant ?? only;
  const hasUnknown = log.instances.some((instance) => instance.namespace === undefined);
  // They would still be read as part of the log.
  if (hasUnknown && known.length <= 1) {
    const message = `nothing tells the namespace of files of the job ${job}: set LEGACY_NAMESPACE`;
    throw new ApiError('deletion_unsupported', message);
  }
  if (namespace === undefined) throw new ApiError('job_not_found', `there is no job ${job}`);
  if (!known.includes(namespace)) inNamespace(job, log.instances, choice);
  return namespace;
}

/** Throws ApiError when there is, and was, no such container. */
function checkContainer(
  job: string,
  log: PodLog,
  {
    namespace,
    container,
    ofPod,
  }: {
    readonly namespace: string;
    readonly container: string | undefined;
    readonly ofPod: readonly { readonly container: string }[];
  },
): void {
  const names = new Set([
    ...ofPod.map((each) => each.container),
    ...log.instances.filter((each) => each.namespace === namespace).map((each) => each.container),
    ...tombstonesIn(log.version.metadata, namespace).map((each) => each.container),
  ]);
  if (container === undefined || names.has(container)) return;
  throw new ApiError(
    'container_not_found',
    `the job ${job} has no container ${container}; it has ${[...names].join(', ')}`,
  );
}

/** Those that run, and those before them, of which Kubernetes and Fluent Bit may still have lines. */
const instancesOfPod = (pod: KubePod | undefined): { readonly container: string; readonly containerId: string }[] =>
  (pod?.containers ?? []).flatMap(({ name, containerId, previousContainerId }) =>
    [previousContainerId, containerId].flatMap((id) =>
      id === undefined ? [] : [{ container: name, containerId: id }],
    ),
  );

function refused(error: unknown): never {
  if (error instanceof DeletionRefusedError) {
    const message = `the log cannot be deleted: ${error.message}`;
    throw error.until === 'later'
      ? new ApiError('log_busy', message, { ...RETRY_AFTER, cause: error })
      : new ApiError('deletion_unsupported', message, { cause: error });
  }
  if (error instanceof CommitLostError) {
    const message = 'compaction commits so often that the log cannot be deleted now';
    throw new ApiError('log_busy', message, { ...RETRY_AFTER, cause: error });
  }
  throw error;
}

const deletedLog = (
  job: string,
  namespace: string,
  deletions: readonly RequestedDeletion[],
): z.output<typeof deletedLogSchema> => ({
  job,
  namespace,
  deleted: deletions.map(({ container, containerId, until, files, raw, records, bytes }) => ({
    container,
    container_id: containerId,
    until: formatStamp(until),
    merged_files: files.length,
    records,
    stored_bytes: bytes,
    raw_files: raw.length,
  })),
});
