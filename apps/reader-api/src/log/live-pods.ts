import { type Kube, KubeError, type KubePod } from '@cordwood/kube';
import type { Caller } from '../access/caller.ts';

export interface LivePodRequest {
  readonly job: string;
  /** The one that is meant, by the request or JOBS_NAMESPACE; undefined: whichever has the pod. */
  readonly namespace: string | undefined;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What Kubernetes knows of a job. */
export interface LivePods {
  /** Namespaces that have such a pod, as far as the caller may know of them. */
  readonly namespaces: readonly string[];
  /** The pod in a namespace. */
  pod(namespace: string | undefined): Promise<KubePod | undefined>;
  /** Why Kubernetes could not be asked; undefined: it could. */
  readonly problem: KubeError | undefined;
}

const NOTHING: LivePods = { namespaces: [], pod: () => Promise.resolve(undefined), problem: undefined };

/** Asks Kubernetes for a job's pods. When it is away that is a `problem`, not an error: the archive is there all the same. */
export async function livePods(kube: Kube | undefined, request: LivePodRequest): Promise<LivePods> {
  if (kube === undefined) return NOTHING;
  const { job, namespace, caller, signal } = request;
  try {
    if (namespace !== undefined) {
      const pod = await kube.pod(namespace, job, signal);
      const namespaces = pod === undefined ? [] : [namespace];
      return { namespaces, pod: (name) => Promise.resolve(name === namespace ? pod : undefined), problem: undefined };
    }
    // Undefined: we may not look into all namespaces. Then only jobs that name theirs, or are archived, are found.
    const all = (await kube.namespacesOf(job, signal)) ?? [];
    const mine = await Promise.all(all.map((each) => caller.may('get', each, job)));
    return {
      namespaces: all.filter((_, index) => mine[index]),
      pod: async (name) => (name === undefined ? undefined : kube.pod(name, job, signal)),
      problem: undefined,
    };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { ...NOTHING, problem: error };
  }
}
