/** What went wrong, besides the message; `detail` is what Kubernetes said, which may name nodes and addresses: for logs, not for users. */
export interface KubeErrorDetails {
  readonly status?: number | undefined;
  readonly detail?: string | undefined;
  /** Seconds after which Kubernetes would like to be asked again. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A failed request to Kubernetes. Subclasses tell what to do next; this class itself: report, asking again will not help. Messages name
 * nothing but what was asked for, so they may be shown to anyone who may ask.
 */
export class KubeError extends Error {
  override name = 'KubeError';
  readonly status: number | undefined;
  readonly detail: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(message: string, details: KubeErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.status = details.status;
    this.detail = details.detail;
    this.retryAfter = details.retryAfter;
  }
}

/** Kubernetes is away, overloaded (429, see `retryAfter`), or has an error of its own (5xx): try again later. */
export class KubeUnavailableError extends KubeError {
  override name = 'KubeUnavailableError';
}

/** Kubernetes does not know us (401), or this is not allowed to us (403): an operator must grant the right. */
export class KubeForbiddenError extends KubeError {
  override name = 'KubeForbiddenError';
}

/** There is no such pod (any more): what is left of it is in the archive. */
export class PodNotFoundError extends KubeError {
  override name = 'PodNotFoundError';
}

/** The pod has no such container. */
export class ContainerNotFoundError extends KubeError {
  override name = 'ContainerNotFoundError';
}

/** The container has not started yet, so has no log: ask again when its state has changed. */
export class ContainerWaitingError extends KubeError {
  override name = 'ContainerWaitingError';
  /** As Kubernetes names it (`ContainerCreating`, `PodInitializing`, …); undefined when it gives none. */
  readonly reason: string | undefined;

  constructor(message: string, details: KubeErrorDetails & { readonly reason?: string | undefined } = {}) {
    super(message, details);
    this.reason = details.reason;
  }
}

/** The container has no instance before the current one, or its log is gone from the node. */
export class PreviousNotFoundError extends KubeError {
  override name = 'PreviousNotFoundError';
}

/**
 * The node that runs the pod cannot give the log: its file is gone, the container runtime fails, the node cannot be reached. The pod may
 * be going; look at it again before trying again.
 */
export class KubeletError extends KubeError {
  override name = 'KubeletError';
}

/** The connection broke in the middle of a log: what came is right, go on from there. */
export class KubeConnectionLostError extends KubeError {
  override name = 'KubeConnectionLostError';
}
