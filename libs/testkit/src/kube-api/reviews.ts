import { badRequest } from './status.ts';

/** Who a token stands for. */
export interface UserDouble {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What somebody may do: fields that are not given mean any. */
export interface AccessRule {
  readonly user?: string;
  readonly group?: string;
  readonly verb?: string;
  readonly resource?: string;
  readonly subresource?: string;
  /** Only in this namespace; without it in all of them. */
  readonly namespace?: string;
  readonly name?: string;
}

/** Answers a TokenReview. @throws ApiError when it is none */
export function tokenReview(review: unknown, users: ReadonlyMap<string, UserDouble>): object {
  const { token } = specOf(review, 'TokenReview') as { token?: string };
  const user = users.get(token ?? '');
  const status =
    user === undefined
      ? { user: {}, error: '[invalid bearer token, token lookup failed]' }
      : { authenticated: true, user, audiences: ['https://kubernetes.default.svc.cluster.local'] };
  return { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: { token }, status };
}

interface AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly resourceAttributes?: Readonly<Record<string, string | undefined>>;
}

/** Answers a SubjectAccessReview. @throws ApiError when it is none */
export function accessReview(review: unknown, rules: readonly AccessRule[]): object {
  const spec = specOf(review, 'SubjectAccessReview') as AccessSpec;
  if (!spec.user && (spec.groups ?? []).length === 0)
    throw badRequest('at least one of user or group must be specified');
  const { verb, resource, subresource = '', namespace = '', name = '' } = spec.resourceAttributes ?? {};
  const allowed = rules.some(
    (rule) =>
      (rule.user === undefined || rule.user === spec.user) &&
      (rule.group === undefined || spec.groups?.includes(rule.group) === true) &&
      (rule.verb === undefined || rule.verb === verb) &&
      (rule.resource === undefined || rule.resource === resource) &&
      (rule.subresource === undefined || rule.subresource === subresource) &&
      // Asked for all namespaces, or for all names, a rule for one of them does not do.
      (rule.namespace === undefined || rule.namespace === namespace) &&
      (rule.name === undefined || rule.name === name),
  );
  const status = allowed ? { allowed, reason: 'RBAC: allowed by a rule of the test' } : { allowed };
  return { kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec, status };
}

function specOf(review: unknown, kind: string): object {
  const object = review as { kind?: unknown; spec?: unknown } | null;
  if (object?.kind !== kind || typeof object.spec !== 'object' || object.spec === null) {
    throw badRequest(`the object provided is no ${kind}`);
  }
  return object.spec;
}
