import { z } from 'zod';
import { ApiError, type ErrorCode } from '../errors/catalogue.ts';

/** An error as a Kubernetes API server sends it. kubectl prints `reason` and `message`. */
export const statusSchema = z
  .object({
    kind: z.literal('Status'),
    apiVersion: z.literal('v1'),
    metadata: z.object({}),
    status: z.literal('Failure'),
    message: z.string(),
    reason: z.string(),
    details: z
      .object({
        name: z.string().optional(),
        kind: z.string().optional(),
        retryAfterSeconds: z.number().int().optional(),
      })
      .optional(),
    code: z.number().int(),
  })
  .meta({ id: 'KubeStatus' });

export type Status = z.output<typeof statusSchema>;

/** By HTTP status, as Kubernetes names them. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  410: 'Expired',
  414: 'BadRequest',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'InternalError',
  503: 'ServiceUnavailable',
};

export interface StatusErrorOptions {
  /** Where Kubernetes answers with another status than our catalogue has for the code. */
  readonly status?: number;
  /** The pod that the error is about. */
  readonly pod?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error of the Kubernetes API: the code is for our metrics and logs, the client gets a Status. */
export class StatusError extends ApiError {
  readonly #status: number;
  readonly #pod: string | undefined;

  constructor(code: ErrorCode, message: string, options: StatusErrorOptions = {}) {
    super(code, message, { headers: options.headers ?? {}, cause: options.cause });
    this.#status = options.status ?? super.status;
    this.#pod = options.pod;
  }

  override get status(): number {
    return this.#status;
  }

  override get body(): Status {
    const retryAfter = Number(this.headers['Retry-After']);
    const details = {
      ...(this.#pod !== undefined && { name: this.#pod, kind: 'pods' }),
      ...(retryAfter > 0 && { retryAfterSeconds: retryAfter }),
    };
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: REASONS[this.#status] ?? 'Unknown',
      ...(Object.keys(details).length > 0 && { details }),
      code: this.#status,
    };
  }
}

/** The same error, as clients of the Kubernetes API get it. */
export function asStatusError(error: ApiError): StatusError {
  if (error instanceof StatusError) return error;
  const { code, headers, status, cause } = error;
  // kubectl has words of its own for this one, and adds the message where it tells more.
  const message = code === 'route_not_found' ? 'the server could not find the requested resource' : error.message;
  return new StatusError(code, message, { headers, status, cause });
}

/** `why`: what is known of the pod's end. */
export const podNotFound = (pod: string, why?: ApiError): StatusError =>
  new StatusError(
    why?.code ?? 'job_not_found',
    why === undefined ? `pods "${pod}" not found` : `pods "${pod}" not found: ${why.message}`,
    { pod, status: 404, cause: why },
  );

/** The words of Kubernetes, whether there is such a pod or not. */
export const podForbidden = (user: string | undefined, namespace: string, pod: string): StatusError =>
  new StatusError(
    'forbidden',
    `pods "${pod}" is forbidden: User "${user ?? 'system:anonymous'}" cannot get resource "pods/log" in API group "" in the namespace "${namespace}"`,
    { pod },
  );

export const badRequest = (message: string): StatusError =>
  new StatusError('invalid_parameter', message, { status: 400 });
