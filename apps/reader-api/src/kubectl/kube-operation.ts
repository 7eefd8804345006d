import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Operation, OperationDoc } from '../http/operation.ts';
import type { ApiReply, ApiRequest } from '../http/handler.ts';
import { type ParameterSchema, parameter } from '../http/query.ts';
import { badRequest, statusSchema } from './status.ts';

/** Where the API stands; `kubectl --server` gets this as its server's path. */
export const KUBE_ROOT = '/kube';

/** Whether errors of this path are Status objects. */
export const isKubePath = (path: string): boolean => path === KUBE_ROOT || path.startsWith(`${KUBE_ROOT}/`);

interface KubeOperationOptions<Path extends ParameterSchema, Query extends ParameterSchema> extends Omit<
  OperationDoc,
  'tag' | 'errors' | 'errorContent'
> {
  /** Below {@link KUBE_ROOT}. */
  readonly route: string;
  readonly path: Path;
  readonly query: Query;
  readonly errors?: OperationDoc['errors'];
  readonly handle: (
    request: ApiRequest<Readonly<Record<string, string>>, z.output<Query>>,
  ) => Promise<ApiReply> | ApiReply;
}

/**
 * A GET of the Kubernetes API. Parameters that it does not know are ignored, of those that are given twice the first counts, and names in the path
 * that no pod can have are those of a pod that does not exist, unless they could not stand in a path: as Kubernetes has it.
 */
export const kubeOperation = <Path extends ParameterSchema, Query extends ParameterSchema>({
  handle,
  route,
  errors = [],
  ...described
}: KubeOperationOptions<Path, Query>): Operation => ({
  ...described,
  method: 'get',
  route: KUBE_ROOT + route,
  tag: 'kubectl',
  errors,
  errorContent: { schema: statusSchema },
  handler: (request) => {
    checkPathNames(request.path);
    return handle({ ...request, query: decodeLeniently(described.query, request.query) });
  },
});

/**
 * Throws StatusError for a name that would mean another path wherever it is put into one, in Kubernetes' API as in S3's: pods of the
 * namespace `..` are those of all namespaces.
 */
function checkPathNames(path: Readonly<Record<string, string>>): void {
  for (const [parameter, name] of Object.entries(path)) {
    const what = `invalid ${parameter} name ${JSON.stringify(name)}`;
    if (name === '.' || name === '..') throw badRequest(`${what}: may not be '${name}'`);
    const [separator] = /[/%]/.exec(name) ?? [];
    if (separator !== undefined) throw badRequest(`${what}: may not contain '${separator}'`);
  }
}

function decodeLeniently<Query extends ParameterSchema>(schema: Query, query: string): z.output<Query> {
  const given = new URLSearchParams(query);
  const known = Object.keys(schema.shape).flatMap((name) => {
    const value = given.get(name);
    // Go's clients leave nothing out that is empty.
    return value === null || value === '' ? [] : [[name, value] as const];
  });
  const result = schema.safeParse(Object.fromEntries(known));
  if (result.success) return result.data;
  throw badRequest(result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

const name = (what: string, example: string) =>
  parameter(what, (text) => text, { description: `The name of the ${what}.`, examples: [example] });

/** Paths are described, and not checked here: what is no name is not found. */
export const namespacePath = z.strictObject({ namespace: name('namespace', 'jobs') });
export const podPath = z.strictObject({ ...namespacePath.shape, pod: name('pod', 'sample-job') });

/** A media type of an `Accept` header, as Kubernetes writes them: `application/json;as=Table;v=v1;g=meta.k8s.io`. */
export type Accepted = Readonly<Record<string, string>>;

/** JSON media types that are accepted, in the client's order; their parameters alone. */
export const acceptedJson = ({ accept = '' }: IncomingHttpHeaders): readonly Accepted[] =>
  accept.split(',').flatMap((part) => {
    const [type = '', ...parameters] = part.split(';').map((each) => each.trim());
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') return [];
    return [Object.fromEntries(parameters.map((each) => [each.split('=', 1).join(''), each.replace(/^[^=]*=?/, '')]))];
  });

/** JSON of this form. */
export function jsonReply(json: unknown, form?: Accepted, headers: Readonly<Record<string, string>> = {}): ApiReply {
  if (form === undefined) return { headers, body: { json } };
  const parameters = Object.entries(form).map(([name, value]) => `;${name}=${value}`);
  const contentType = `application/json${parameters.join('')}`;
  return { headers, body: { bytes: Buffer.from(`${JSON.stringify(json)}\n`), contentType } };
}

/** kubectl prints warnings on stderr. */
export function warningHeader(...warnings: readonly (string | undefined)[]): Readonly<Record<string, string>> {
  const given = warnings.filter((text) => text !== undefined);
  return given.length === 0 ? {} : { Warning: given.map((text) => `299 - ${JSON.stringify(text)}`).join(', ') };
}
