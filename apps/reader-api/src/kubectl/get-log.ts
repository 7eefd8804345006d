import { type JobLog, type JobLogRequest, type LogEvent, NoPreviousInstanceError } from '@cordwood/live-log';
import type { ObjectStore } from '@cordwood/log-store';
import { LOG_ERRORS, STORAGE_ERRORS } from '../errors/catalogue.ts';
import { TEXT_TYPE } from '../http/operation.ts';
import { begun, unlessStopped } from '../log/log-stream.ts';
import { kubeOperation, podPath, warningHeader } from './kube-operation.ts';
import { checkLogQuery, type LogQuery, logQuery, sinceOf } from './log-query.ts';
import { kubeletLines, limited } from './log-text.ts';
import { containerNames, type Pod } from './pod.ts';
import { type FoundPod, isNotFound, type PodRequest, type Pods } from './pods.ts';
import { badRequest, StatusError } from './status.ts';

export interface GetPodLogOptions {
  readonly pods: Pods;
  readonly log: JobLog;
  /** The same without Kubernetes: for pods that it does not let us see. */
  readonly archiveLog: JobLog;
  readonly store: Pick<ObjectStore, 'now'>;
  /** Aborts when the process stops. */
  readonly stopping: AbortSignal;
}

/** `GET …/pods/{pod}/log`: the log of a container, archived and live, as plain text. */
export const getPodLog = ({ pods, log, archiveLog, store, stopping }: GetPodLogOptions) =>
  kubeOperation({
    id: 'kubeGetPodLog',
    route: '/api/v1/namespaces/:namespace/pods/:pod/log',
    summary: 'The log of a container',
    description:
      'The whole of it, over all restarts, whether the pod is there or gone; with `follow` it goes on until the pod has finished. No line tells where the archive ends and the live log begins.',
    path: podPath,
    query: logQuery,
    isStream: true,
    responses: { 200: { description: 'The log.', content: { [TEXT_TYPE]: { example: 'step 1\nstep 2\n' } } } },
    errors: [...LOG_ERRORS, 'previous_not_found', 'server_stopping', 'kubernetes_unavailable', ...STORAGE_ERRORS],
    handle: async ({ path: { namespace = '', pod: name = '' }, query, caller, headOnly, signal }) => {
      checkLogQuery(name, query);
      const request = { caller, namespace, name, signal };
      const found = await pods.get(request);
      const archived = found.isLive ? await archivedContainers(pods, request) : [];
      const container = containerOf(found.pod, query.container, archived);
      if (!query.follow && !archived.includes(container)) checkStarted(found, container);
      const body = { contentType: TEXT_TYPE };
      const headers = warningHeader(found.warning);
      if (headOnly) return { headers, body: { ...body, chunks: none() } };
      const read: JobLogRequest = {
        pod: name,
        namespace,
        containers: [container],
        since: sinceOf(query, () => store.now()),
        tail: query.tailLines,
        previous: query.previous,
        follow: query.follow ?? false,
      };
      const source = found.warning === undefined ? log : archiveLog;
      // What is followed has no end to wait for.
      const events =
        query.follow === true
          ? unlessStopped((either) => source.read({ ...read, signal: either }), signal, stopping)
          : source.read({ ...read, signal });
      const text = textOf(await eventsOf(events, query, name), query.timestamps ?? false);
      return {
        headers,
        body: { ...body, chunks: query.limitBytes === undefined ? text : limited(text, query.limitBytes) },
      };
    },
  });

/** Names of containers that are archived; a pod of this name may have had others. None, when what was archived is deleted. */
async function archivedContainers(pods: Pods, request: PodRequest): Promise<readonly string[]> {
  try {
    const instances = await pods.instances(request);
    return [...new Set(instances.map(({ container }) => container))];
  } catch (error) {
    // What the pod logs from then on is there all the same.
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** The words of Kubernetes where it cannot tell which container is meant. Throws StatusError. */
function containerOf(pod: Pod, asked: string | undefined, archived: readonly string[]): string {
  const { name } = pod.metadata;
  if (asked !== undefined) {
    if (containerNames(pod).includes(asked) || archived.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only, ...others] = pod.spec.containers;
  if (only !== undefined && others.length === 0) return only.name;
  const words = (containers: readonly { readonly name: string }[]) => containers.map((each) => each.name).join(' ');
  const { initContainers: init = [] } = pod.spec;
  const more = init.length === 0 ? '' : ` or one of the init containers: [${words(init)}]`;
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${words(pod.spec.containers)}]${more}`,
  );
}

/** Throws StatusError for a container that has no log yet; who follows waits for it instead. */
function checkStarted({ pod, isLive }: FoundPod, container: string): void {
  const status = isLive ? statusesOf(pod).find(({ name }) => name === container) : undefined;
  const waiting = status?.restartCount === 0 ? status.state?.waiting : undefined;
  if (waiting === undefined) return;
  const why = waiting.reason === undefined ? '' : `: ${waiting.reason}`;
  throw badRequest(`container "${container}" in pod "${pod.metadata.name}" is waiting to start${why}`);
}

const statusesOf = ({ status }: Pod) => [
  ...(status.initContainerStatuses ?? []),
  ...(status.containerStatuses ?? []),
  ...(status.ephemeralContainerStatuses ?? []),
];

/** Throws, in the words of Kubernetes, what stands against reading. */
async function eventsOf(
  read: AsyncGenerator<LogEvent>,
  { follow = false, container }: LogQuery,
  pod: string,
): Promise<AsyncGenerator<LogEvent>> {
  try {
    return (await begun(read, follow)).events;
  } catch (error) {
    if (!(error instanceof NoPreviousInstanceError)) throw error;
    const message = `previous terminated container "${container ?? error.container}" in pod "${pod}" not found`;
    throw new StatusError('previous_not_found', message, { status: 400 });
  }
}

async function* textOf(events: AsyncGenerator<LogEvent>, timestamps: boolean): AsyncGenerator<Uint8Array> {
  for await (const event of events) {
    if (event.kind === 'messages' && event.messages.length > 0) yield kubeletLines(event.messages, timestamps);
  }
}

async function* none(): AsyncGenerator<Uint8Array> {
  // Nothing.
}
