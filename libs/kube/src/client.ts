import type { IncomingMessage } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import { formatTime } from '@cordwood/log-record';
import { errorOfAnswer, errorOfLogAnswer, type Answer } from './answers.ts';
import type { Kube, KubeAccess, KubeAnswer, KubeUser, PodLogRequest } from './api.ts';
import { KubeError, KubeUnavailableError, PodNotFoundError } from './errors.ts';
import { openLogBody } from './log-body.ts';
import { podOf, type PodJson } from './pod.ts';
import { abortable, Transport, type TransportRequest } from './transport.ts';

export interface KubeOptions {
  /** How long connecting may take, and the answer to anything but a log, in ms. Default 10 s. */
  readonly timeoutMs?: number;
  /** How long a log that is not followed may take to begin, in ms: a kubelet may have to search a big file. Default 60 s. */
  readonly logTimeoutMs?: number;
  /** Logs that may be open at once: each holds a connection. Beyond it requests fail as if Kubernetes were busy. Default 1000. */
  readonly maxLogs?: number;
  /** Connections for all the rest. Requests wait for a free one. Default 32. */
  readonly maxConnections?: number;
}

/** A Kubernetes API, and the connections to it that are kept. */
export interface KubeClient extends Kube {
  /** Closes all connections. */
  close(): void;
}

/** The most of an answer that is read into memory: lists come in pages, and a pod has 1 MiB at most. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Names looked up over all namespaces are few; this only bounds what one answer holds. */
const PAGE = 500;

/** A client for the cluster that the kubeconfig's current context names. */
export function createKube(config: KubeConfig, options: KubeOptions = {}): KubeClient {
  const { timeoutMs = 10_000, logTimeoutMs = 60_000, maxLogs = 1000, maxConnections = 32 } = options;
  const calls = new Transport(config, { timeoutMs, maxConnections });
  const logs = new Transport(config, { timeoutMs, maxConnections: Infinity });
  let openLogs = 0;

  const answered = async (request: TransportRequest): Promise<KubeAnswer & Pick<IncomingMessage, 'headers'>> => {
    // The body has as long again as the head had.
    const bodyTimeout = new AbortController();
    const signals = [bodyTimeout.signal, ...(request.signal ? [request.signal] : [])];
    const signal = AbortSignal.any(signals);
    const answer = await calls.send({ ...request, signal });
    const timer = setTimeout(() => bodyTimeout.abort(), timeoutMs);
    try {
      const body = await abortable(wholeBody(answer), signal);
      const contentType = answer.headers['content-type'] ?? '';
      return { status: answer.statusCode ?? 0, contentType, body, headers: answer.headers };
    } catch (error) {
      answer.destroy();
      request.signal?.throwIfAborted();
      if (error instanceof KubeError) throw error;
      throw new KubeUnavailableError('Kubernetes broke off its answer', { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };

  const ask = async (what: string, request: TransportRequest): Promise<unknown> =>
    contentOf(what, await answered(request));

  const openLog = async (request: PodLogRequest): Promise<AsyncIterable<Uint8Array>> => {
    const { namespace, pod, container, follow = false, timestamps = false, signal } = request;
    const what = `container ${container} of pod ${namespace}/${pod}`;
    if (openLogs >= maxLogs)
      throw new KubeUnavailableError(`${maxLogs} logs are being read already`, { retryAfter: 5 });
    openLogs++;
    let counted = true;
    const release = () => {
      if (counted) openLogs--;
      counted = false;
    };
    try {
      const answer = await logs.send({
        path: logPath(request),
        accept: '*/*',
        answerTimeoutMs: follow ? Infinity : logTimeoutMs,
        signal,
      });
      answer.once('close', release);
      if (answer.statusCode === 200) return await openLogBody({ answer, what, timestamps, signal });
      const body = await failedBody(answer, signal, timeoutMs);
      throw errorOfLogAnswer(what, { status: answer.statusCode ?? 0, headers: answer.headers, body });
    } catch (error) {
      release();
      throw error;
    }
  };

  return {
    pod: async (namespace, name, signal) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
      try {
        return podOf((await ask(`pod ${namespace}/${name}`, { path, signal })) as PodJson);
      } catch (error) {
        if (error instanceof PodNotFoundError) return undefined;
        throw error;
      }
    },
    namespacesOf: async (pod, signal) => {
      const found: string[] = [];
      let next: string | undefined;
      do {
        const query = new URLSearchParams({ fieldSelector: `metadata.name=${pod}`, limit: String(PAGE) });
        if (next) query.set('continue', next);
        const answer = await answered({ path: `/api/v1/pods?${query.toString()}`, signal });
        // Not allowed to look everywhere is an answer; not being let in at all (401) is not.
        if (answer.status === 403) return undefined;
        const page = contentOf(`pods called ${pod}`, answer) as PodPage;
        found.push(...page.items.map((item) => podOf(item).namespace));
        next = page.metadata?.continue;
      } while (next);
      return found.toSorted();
    },
    log: (request) => openLog(request),
    reviewToken: async (token, signal) => {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
      const { status } = (await ask('token reviews', {
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: JSON.stringify(review),
        signal,
      })) as TokenReviewJson;
      const user = status?.authenticated === true ? status.user : undefined;
      // Without a name nobody can be given rights, and reviews would be asked for nobody.
      if (user?.username === undefined || user.username === '') return undefined;
      return { username: user.username, uid: user.uid, groups: user.groups ?? [], extra: user.extra };
    },
    reviewAccess: async (user, access, signal) => {
      const { status } = (await ask('access reviews', {
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        body: JSON.stringify(accessReview(user, access)),
        signal,
      })) as AccessReviewJson;
      return status?.allowed === true;
    },
    get: async (path, { accept, signal } = {}) => {
      const { status, contentType, body } = await answered({ path, accept, signal });
      return { status, contentType, body };
    },
    check: async (signal) => {
      await ask('its version', { path: '/version', signal });
    },
    close: () => {
      calls.close();
      logs.close();
    },
  };
}

interface TokenReviewJson {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

interface AccessReviewJson {
  readonly status?: { readonly allowed?: boolean };
}

interface PodPage {
  readonly metadata?: { readonly continue?: string };
  readonly items: readonly PodJson[];
}

/** What an answer holds. @throws KubeError when it is a failure, or no JSON */
function contentOf(what: string, answer: Answer): unknown {
  if (answer.status < 200 || answer.status > 299) throw errorOfAnswer(what, answer);
  try {
    return JSON.parse(Buffer.from(answer.body).toString('utf8'));
  } catch (cause) {
    throw new KubeUnavailableError(`Kubernetes gave something else than ${what}`, { status: answer.status, cause });
  }
}

/** A log that was refused: why. Whatever happens to it, the answer is a failure already. */
async function failedBody(
  answer: IncomingMessage,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<Uint8Array> {
  const timer = setTimeout(() => answer.destroy(), timeoutMs);
  try {
    return await abortable(wholeBody(answer), signal);
  } catch {
    signal?.throwIfAborted();
    return new Uint8Array();
  } finally {
    clearTimeout(timer);
  }
}

async function wholeBody(answer: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_ANSWER) throw new KubeError('the answer of Kubernetes is too big');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function logPath(request: PodLogRequest): string {
  const { namespace, pod, container, sinceTime, follow, previous, timestamps, tailLines, limitBytes } = request;
  const query = new URLSearchParams({ container });
  if (follow === true) query.set('follow', 'true');
  if (previous === true) query.set('previous', 'true');
  if (timestamps === true) query.set('timestamps', 'true');
  // Kubernetes cuts fractions off on its way to the kubelet; what is said here is what happens.
  if (sinceTime !== undefined) query.set('sinceTime', formatTime(sinceTime).replace(/\.\d+Z$/, 'Z'));
  // Zero is a number of lines, too.
  if (tailLines !== undefined) query.set('tailLines', String(tailLines));
  if (limitBytes !== undefined) query.set('limitBytes', String(limitBytes));
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log?${query.toString()}`;
}

function accessReview(user: KubeUser, access: KubeAccess): object {
  const { verb, resource, subresource, namespace, name } = access;
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: {
      user: user.username,
      uid: user.uid,
      groups: user.groups,
      extra: user.extra,
      resourceAttributes: { verb, group: '', resource, subresource, namespace, name },
    },
  };
}
