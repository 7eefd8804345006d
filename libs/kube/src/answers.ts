import type { IncomingMessage } from 'node:http';
import {
  ContainerNotFoundError,
  ContainerWaitingError,
  KubeError,
  type KubeErrorDetails,
  KubeForbiddenError,
  KubeletError,
  KubeUnavailableError,
  PodNotFoundError,
  PreviousNotFoundError,
} from './errors.ts';
import { isKubeletError } from './kubelet-error.ts';

/** An answer. The body of a failed one is a `Status` object when Kubernetes itself answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
}

interface Status {
  readonly message: string;
  readonly kind: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/** What a request that got this answer must fail with. `what`: what was asked for, in words ("pod a/b"). */
export function errorOfAnswer(what: string, answer: Answer): KubeError {
  const { status } = answer;
  const said = statusOf(answer.body);
  const details: KubeErrorDetails = {
    status,
    detail: said?.message ?? textOf(answer.body).slice(0, 1000),
    retryAfter: retryAfterOf(answer, said),
  };
  if (status === 401) return new KubeForbiddenError(`Kubernetes does not accept our credentials`, details);
  if (status === 403) return new KubeForbiddenError(`Kubernetes does not let us have ${what}`, details);
  if (status === 429) return new KubeUnavailableError('Kubernetes is too busy', details);
  if (status >= 500) return new KubeUnavailableError(`Kubernetes failed to give ${what} (status ${status})`, details);
  if (status === 404 && (said?.kind === 'pods' || said?.kind === 'namespaces')) {
    return new PodNotFoundError(`there is no ${what}`, details);
  }
  return new KubeError(`Kubernetes refused to give ${what} (status ${status})`, details);
}

/** {@link errorOfAnswer} for a log: much of what is 400 or 500 there comes from the kubelet of the pod's node. */
export function errorOfLogAnswer(what: string, answer: Answer): KubeError {
  const { status } = answer;
  const message = statusOf(answer.body)?.message ?? textOf(answer.body);
  const details: KubeErrorDetails = { status, detail: message };
  const waiting = / is waiting to start(?:: (.*)| - .*)?$/s.exec(message);
  if (status === 400) {
    if (waiting) {
      const reason = waiting[1]?.trim();
      return new ContainerWaitingError(`${what} is waiting to start${reason ? `: ${reason}` : ''}`, {
        ...details,
        reason,
      });
    }
    if (/^container \S+ is not valid for pod /.test(message)) {
      return new ContainerNotFoundError(`there is no ${what}`, details);
    }
    if (/^previous terminated container .* not found/s.test(message)) {
      return new PreviousNotFoundError(`there is no earlier instance of ${what}`, details);
    }
    // "is not available", "is terminated": the kubelet knows the container, but has nothing of it.
    if (isKubeletError(message) || /^container ".*" in pod ".*" is /s.test(message)) return kubeletError(what, details);
  }
  // The API server could not get it from the kubelet, or passes its failure on. A bare 502 to 504 is rather of something in between.
  if (status === 500) return kubeletError(what, details);
  const error = errorOfAnswer(what, answer);
  if (status === 404 && !(error instanceof PodNotFoundError)) return kubeletError(what, details);
  return error;
}

/** The node cannot give the log; `detail` is its message. */
export const kubeletError = (what: string, details: KubeErrorDetails): KubeletError =>
  new KubeletError(`the node cannot give the log of ${what} now`, details);

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function statusOf(body: Uint8Array): Status | undefined {
  try {
    const value = JSON.parse(textOf(body)) as {
      readonly kind?: unknown;
      readonly message?: unknown;
      readonly details?: { readonly kind?: unknown; readonly retryAfterSeconds?: unknown };
    } | null;
    if (value?.kind !== 'Status') return undefined;
    const text = (field: unknown) => (typeof field === 'string' ? field : undefined);
    const seconds = value.details?.retryAfterSeconds;
    return {
      message: text(value.message) ?? '',
      kind: text(value.details?.kind),
      retryAfterSeconds: typeof seconds === 'number' ? seconds : undefined,
    };
  } catch {
    return undefined;
  }
}

function retryAfterOf(answer: Answer, said: Status | undefined): number | undefined {
  const header = Number(answer.headers['retry-after'] ?? NaN);
  return Number.isFinite(header) ? header : said?.retryAfterSeconds;
}
