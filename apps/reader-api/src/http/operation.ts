import type { z } from 'zod';
import type { ErrorCode } from '../errors/catalogue.ts';
import type { ApiReply, ApiRequest, Handler } from './handler.ts';
import { decodePath, decodeQuery, type ParameterSchema } from './query.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

/** `get` answers HEAD too. */
export type Method = 'get' | 'delete';

/** A header of a request or of an answer. */
export interface HeaderDoc {
  readonly description: string;
  readonly example?: string;
}

/** A body in one content type. Of a stream of JSON values (NDJSON, events), `items` says what each is. */
export interface ContentDoc {
  readonly description?: string;
  readonly schema?: z.ZodType;
  readonly items?: z.ZodType;
  readonly example?: unknown;
}

export interface ResponseDoc {
  readonly description: string;
  readonly headers?: Readonly<Record<string, HeaderDoc>>;
  /** By content type. */
  readonly content?: Readonly<Record<string, ContentDoc>>;
}

/** What the document says of an operation, besides what its schemas say. */
export interface OperationDoc {
  /** The operation's name in generated clients. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  /** CommonMark. */
  readonly description?: string;
  /** Headers of the request that it looks at. */
  readonly requestHeaders?: Readonly<Record<string, HeaderDoc>>;
  /** By status. Those of errors follow from `errors`. */
  readonly responses: Readonly<Record<number, ResponseDoc>>;
  /** Codes that it may answer with, besides those that any route may. */
  readonly errors: readonly ErrorCode[];
  /** What errors look like, where it is not `{"error":{"code","message"}}`. */
  readonly errorContent?: ContentDoc;
  /** Whoever asks may see it, whatever AUTH_MODE says. */
  readonly isPublic?: boolean;
  /** A GET may go on for long, and counts as a stream. */
  readonly isStream?: boolean;
}

export const TAGS = {
  logs: 'Logs of jobs, as text or records.',
  jobs: 'What jobs there are, and what is known of them.',
  kubectl:
    'As much of the Kubernetes API as `kubectl logs` and `kubectl get pods` need. As there, unknown parameters are ignored, and errors are `Status` objects.',
  service: 'About this service itself.',
} as const;
export type Tag = keyof typeof TAGS;

/** A method of a route, as `/openapi.json` describes it. */
export interface Described extends OperationDoc {
  readonly method: Method;
  /** The path, as Express writes it: `/api/v1/jobs/:job/log`. */
  readonly route: string;
  readonly path: ParameterSchema;
  readonly query: ParameterSchema;
}

/** A method of a route that takes requests. What checks the parameters describes them too. */
export interface Operation extends Described {
  /** Decodes the parameters, and answers. Rejects with ApiError. */
  readonly handler: Handler;
}

export interface OperationOptions<Path extends ParameterSchema, Query extends ParameterSchema> extends OperationDoc {
  readonly method: Method;
  readonly route: string;
  readonly path: Path;
  readonly query: Query;
  readonly handle: (request: ApiRequest<z.output<Path>, z.output<Query>>) => Promise<ApiReply> | ApiReply;
}

export const operation = <Path extends ParameterSchema, Query extends ParameterSchema>({
  handle,
  ...described
}: OperationOptions<Path, Query>): Operation => ({
  ...described,
  handler: (request) =>
    handle({
      ...request,
      path: decodePath(described.path, request.path),
      query: decodeQuery(described.query, request.query),
    }),
});
