import type { Instant } from '@cordwood/log-record';

/** Where a container of a running, or once running, pod is in its life. */
export type ContainerState =
  | { readonly phase: 'waiting'; readonly reason: string | undefined }
  | { readonly phase: 'running'; readonly startedAt: Instant | undefined }
  | {
      readonly phase: 'terminated';
      readonly startedAt: Instant | undefined;
      readonly finishedAt: Instant | undefined;
      readonly exitCode: number;
      readonly reason: string | undefined;
    };

/** A container of a pod, as the pod's status has it. */
export interface KubeContainer {
  readonly name: string;
  readonly kind: 'main' | 'init' | 'ephemeral';
  /** Id of the current instance without its scheme (`containerd://`): the same as in the names of log files. */
  readonly containerId: string | undefined;
  readonly state: ContainerState;
  /** The instance before the current one: the only other one whose log Kubernetes still has (`previous`). */
  readonly previousContainerId: string | undefined;
  readonly previousStartedAt?: Instant | undefined;
  readonly previousFinishedAt: Instant | undefined;
  /** How often the container was started again. */
  readonly restartCount: number;
}

/** A pod, as far as logs are concerned. */
export interface KubePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  /** It is about to go. */
  readonly deleting: boolean;
  /** In the order of the spec: the main ones first, then init, then ephemeral. */
  readonly containers: readonly KubeContainer[];
  /** No container of it will ever run again (phase Succeeded or Failed). */
  readonly finished: boolean;
}

export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Kubernetes takes whole seconds: what it answers begins at this one's second. */
  readonly sinceTime?: Instant | undefined;
  readonly follow?: boolean | undefined;
  /** The instance before the current one. */
  readonly previous?: boolean | undefined;
  readonly timestamps?: boolean | undefined;
  readonly tailLines?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What Cordwood asks of Kubernetes. Every method rejects with a KubeError (errors.ts) that says what to do next. */
export interface Kube {
  /** Undefined: there is no such pod. */
  pod(namespace: string, name: string, signal?: AbortSignal): Promise<KubePod | undefined>;
  /** Namespaces that have a pod of this name, as far as we may see them. Undefined: we may not look into all namespaces. */
  namespacesOf(pod: string, signal?: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * Bytes of a container's log as Kubernetes has it, from its answer's first byte on; resolves when the answer has begun, which takes
   * as long as Kubernetes likes while there is nothing to say. A body that is a kubelet's error instead of a log is an error.
   * The stream ends where Kubernetes ends it, and throws KubeConnectionLostError when the connection breaks. It holds a connection until
   * it is read to its end, left, or aborted by the signal.
   */
  log(request: PodLogRequest): Promise<AsyncIterable<Uint8Array>>;
  /** Who a bearer token is: TokenReview. Undefined: nobody. */
  reviewToken(token: string, signal?: AbortSignal): Promise<KubeUser | undefined>;
  /** Whether the user may do this: SubjectAccessReview. */
  reviewAccess(user: KubeUser, access: KubeAccess, signal?: AbortSignal): Promise<boolean>;
  /** For what is passed on as it is: a GET of the Kubernetes API, with its status and body, whatever they are. */
  get(path: string, options?: { readonly accept?: string; readonly signal?: AbortSignal }): Promise<KubeAnswer>;
  /** Rejects when the Kubernetes API cannot be reached, or does not let us in. */
  check(signal?: AbortSignal): Promise<void>;
}

export interface KubeUser {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface KubeAccess {
  readonly verb: 'get' | 'list' | 'delete';
  readonly resource: 'pods';
  readonly subresource?: 'log' | undefined;
  /** Empty: all namespaces. */
  readonly namespace: string;
  /** Unset: all of them. */
  readonly name?: string | undefined;
}

export interface KubeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}
