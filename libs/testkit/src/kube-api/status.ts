/** An answer that is not what was asked for, in the form that Kubernetes has for all of them: a `Status`. */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(status: number, reason: string, message: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

export const statusJson = ({ status, reason, message, details }: ApiError): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  ...(reason !== '' && { reason }),
  ...(details && { details }),
  code: status,
});

export const badRequest = (message: string) => new ApiError(400, 'BadRequest', message);

export const podNotFound = (name: string) =>
  new ApiError(404, 'NotFound', `pods "${name}" not found`, { name, kind: 'pods' });

export const resourceNotFound = () =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});

export const unauthorized = () => new ApiError(401, 'Unauthorized', 'Unauthorized');

/** The reason and a message of the usual form for a status that a test wants. */
export function errorOfStatus(status: number, retryAfter: number | undefined): ApiError {
  switch (status) {
    case 401:
      return unauthorized();
    case 403:
      return new ApiError(
        403,
        'Forbidden',
        'pods is forbidden: User "tester" cannot get resource "pods" in API group "" at the cluster scope',
        { kind: 'pods' },
      );
    case 429:
      return new ApiError(
        429,
        'TooManyRequests',
        'the server has received too many requests and has asked us to try again later',
        {
          ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }),
        },
      );
    case 503:
      return new ApiError(503, 'ServiceUnavailable', 'the server is currently unable to handle the request', {});
    default:
      return new ApiError(
        status,
        status >= 500 ? 'InternalError' : 'BadRequest',
        `an error occurred on the server (${status})`,
        {},
      );
  }
}
