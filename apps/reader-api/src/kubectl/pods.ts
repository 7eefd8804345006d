import type { Kube, KubeAnswer } from '@cordwood/kube';
import type { ContainerInstance, LogReader, RawObject } from '@cordwood/log-store';
import { MetadataError } from '@cordwood/pod-metadata';
import { isNamespaceName, isPodName } from '@cordwood/s3-key-format';
import type { Logger } from '@cordwood/service';
import { allowedLog } from '../access/authorize.ts';
import type { Caller } from '../access/caller.ts';
import { ApiError } from '../errors/catalogue.ts';
import { deletedError, tombstonesIn } from '../jobs/deleted.ts';
import { inNamespace, namespacesOf } from '../jobs/namespace.ts';
import { archivedPod, type Fate } from './archived-pod.ts';
import { kubernetesError, parsed } from './kubernetes-answers.ts';
import { type Pod, podSchema } from './pod.ts';
import { podForbidden, podNotFound } from './status.ts';

export type Instances = readonly ContainerInstance<RawObject>[];

export interface PodsOptions {
  readonly reader: Pick<LogReader, 'open'>;
  /** Undefined: there is none to ask. */
  readonly kube: Pick<Kube, 'get'> | undefined;
  readonly logger: Logger;
}

export interface PodRequest {
  readonly caller: Caller;
  readonly namespace: string;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** A pod as Kubernetes has it, or made up from its log. */
export interface FoundPod {
  readonly pod: Pod;
  readonly isLive: boolean;
  /** For the client to see, in the header of that name. */
  readonly warning: string | undefined;
}

/** Pods: those that Kubernetes has are shown as it has them, those that are gone as their logs tell. */
export class Pods {
  readonly #options: PodsOptions;

  constructor(options: PodsOptions) {
    this.#options = options;
  }

  /** Throws StatusError when the caller may not read its log, and (only else) when there is no such pod. */
  async get(request: PodRequest): Promise<FoundPod> {
    const { caller, namespace, name, signal } = request;
    if (!isPodName(name) || !isNamespaceName(namespace)) throw podNotFound(name);
    if (!(await caller.may('get', namespace, name))) throw podForbidden(caller.user, namespace, name);
    const { live, fate, warning } = await this.#live(namespace, name, signal);
    if (live !== undefined) return { pod: live, isLive: true, warning };
    const instances = await this.instances(request);
    if (instances.length === 0) throw podNotFound(name);
    return { pod: archivedPod(namespace, instances, fate), isLive: false, warning };
  }

  /** What is archived of the pod; nothing, when nothing is. Throws StatusError when it was deleted. */
  async instances({ caller, namespace, name, signal }: PodRequest): Promise<Instances> {
    const wish = { caller, verb: 'get', job: name, namespace } as const;
    const log = await allowedLog(wish, await this.#options.reader.open(name, signal));
    const deleted = tombstonesIn(log.version.metadata, namespace);
    if (namespacesOf(log.instances).includes(namespace)) {
      return inNamespace(name, log.instances, { asked: namespace, preset: undefined }).instances;
    }
    if (deleted.length > 0) throw podNotFound(name, deletedError(`the job ${name}`, deleted));
    return [];
  }

  /** Pods of this name that are archived, in any namespace or in one. A log that cannot be read is left out. */
  async archivedOf(
    caller: Caller,
    name: string,
    {
      namespace,
      fate,
      signal,
    }: { readonly namespace: string | undefined; readonly fate: Fate; readonly signal: AbortSignal },
  ): Promise<readonly Pod[]> {
    try {
      const { instances } = await this.#options.reader.open(name, signal);
      const pods: Pod[] = [];
      for (const each of namespacesOf(instances)) {
        if (namespace !== undefined && each !== namespace) continue;
        if (!(await caller.may('get', each, name))) continue;
        const ofNamespace = inNamespace(name, instances, { asked: each, preset: undefined }).instances;
        pods.push(archivedPod(each, ofNamespace, fate));
      }
      return pods;
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      // One broken log must not hide the others; who asks for it by name gets the error.
      this.#options.logger.warn('pod left out of a list: its metadata cannot be read', { job: name, error });
      return [];
    }
  }

  async #live(
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly live: Pod | undefined; readonly fate: Fate; readonly warning: string | undefined }> {
    const { kube } = this.#options;
    if (kube === undefined) return { live: undefined, fate: 'unknown', warning: undefined };
    const answer = await kube.get(`/api/v1/namespaces/${namespace}/pods/${name}`, {
      accept: 'application/json',
      signal,
    });
    if (answer.status === 404) return { live: undefined, fate: 'gone', warning: undefined };
    if (isRefusal(answer)) {
      const warning = `Kubernetes does not let Cordwood see pods of the namespace ${namespace}: what is shown comes from the archive`;
      return { live: undefined, fate: 'unknown', warning };
    }
    if (answer.status !== 200) throw kubernetesError(answer);
    return { live: parsed(podSchema, answer), fate: 'gone', warning: undefined };
  }
}

/** Kubernetes does not know the reader, or does not let it. */
export const isRefusal = ({ status }: Pick<KubeAnswer, 'status'>): boolean => status === 401 || status === 403;

/** Whether the error says that there is no such pod. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;
