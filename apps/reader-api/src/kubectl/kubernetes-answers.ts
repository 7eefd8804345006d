import type { KubeAnswer } from '@cordwood/kube';
import { z } from 'zod';
import { StatusError } from './status.ts';

/** Seconds after which a client may find Kubernetes back. */
const RETRY_AFTER = '5';

/** The JSON of a good answer. Throws StatusError for what is none. */
export function parsed<T>(schema: z.ZodType<T>, answer: KubeAnswer): T {
  try {
    return schema.parse(JSON.parse(Buffer.from(answer.body).toString('utf8')));
  } catch (cause) {
    const message = 'Kubernetes answered something that cannot be understood';
    throw new StatusError('kubernetes_unavailable', message, { headers: { 'Retry-After': RETRY_AFTER }, cause });
  }
}

const problem = z.object({ message: z.string() });

/** A failure of Kubernetes: what the client did wrong it is told, all else is for later. */
export function kubernetesError(answer: KubeAnswer): StatusError {
  const { status } = answer;
  const said = problem.safeParse(safeJson(answer.body));
  // A selector that is none, or a list that went on for too long: it is about what the client sent.
  if ((status === 400 || status === 410) && said.success) {
    return new StatusError('invalid_parameter', said.data.message, { status });
  }
  return new StatusError('kubernetes_unavailable', `Kubernetes is away or busy: it answered ${status}`, {
    headers: { 'Retry-After': RETRY_AFTER },
    cause: said.success ? new Error(said.data.message) : undefined,
  });
}

function safeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}
