import { z } from 'zod';
import { STORAGE_ERRORS } from '../errors/catalogue.ts';
import type { ApiReply, ApiRequest } from '../http/handler.ts';
import { JSON_TYPE, type Operation } from '../http/operation.ts';
import { parameter } from '../http/query.ts';
import { acceptedJson, jsonReply, kubeOperation, namespacePath, podPath, warningHeader } from './kube-operation.ts';
import type { PodList } from './pod-list.ts';
import { podSchema } from './pod.ts';
import { type IncludeObject, podTable } from './pod-table.ts';
import type { Pods } from './pods.ts';
import { StatusError } from './status.ts';

export interface PodsRoutesOptions {
  readonly pods: Pods;
  readonly list: PodList;
}

const INCLUDES: readonly IncludeObject[] = ['None', 'Metadata', 'Object'];

const tableQuery = {
  includeObject: parameter(INCLUDES.join(', '), (text) => INCLUDES.find((each) => each === text), {
    description: 'What stands beside a row of a table.',
    enum: INCLUDES,
    default: 'Metadata',
  }).optional(),
};

const anyText = (description: string, examples: readonly string[] = []) =>
  parameter('any text', (text) => text, { description, ...(examples.length > 0 && { examples }) }).optional();

const listQuery = z.strictObject({
  ...tableQuery,
  labelSelector: anyText(
    'Only pods with these labels. Labels of pods that are gone are not known: they have `cordwood.dev/archived=true`, and no other.',
    ['app=train', 'cordwood.dev/archived=true'],
  ),
  fieldSelector: anyText('Only pods with these fields.', ['metadata.name=sample-job']),
  limit: parameter('a whole number', (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined), {
    type: 'integer',
    description: 'Pods in an answer, at most; there may be fewer, and more to come. 0: no limit.',
    minimum: 0,
    default: 0,
  }).optional(),
  continue: anyText('The `metadata.continue` of an earlier answer.'),
  watch: anyText('Not offered: `true` or `1` is refused.'),
});

type ListQuery = z.output<typeof listQuery>;

const podList = z
  .object({
    kind: z.literal('PodList'),
    apiVersion: z.literal('v1'),
    metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
    items: z.array(podSchema),
  })
  .meta({ id: 'KubePodList' });

const namespaceSchema = z.object({
  kind: z.literal('Namespace'),
  apiVersion: z.literal('v1'),
  metadata: z.object({ name: z.string() }),
});

const TABLE_DESCRIPTION =
  '`Accept: application/json;as=Table;v=v1;g=meta.k8s.io` gives the table that `kubectl get` prints.';

/** Pods, got and listed: live ones, and those that are gone. */
export function podsRoutes({ pods, list }: PodsRoutesOptions): readonly Operation[] {
  const answerList = async (
    request: ApiRequest<Readonly<Record<string, string>>, ListQuery>,
    namespace: string | undefined,
  ): Promise<ApiReply> => {
    const { query, caller, signal } = request;
    if (query.watch === 'true' || query.watch === '1') {
      const message = 'pods cannot be watched here: ask again instead, or watch the Kubernetes API itself';
      throw new StatusError('method_not_allowed', message);
    }
    const page = await list.page({
      caller,
      namespace,
      labelSelector: query.labelSelector ?? '',
      fieldSelector: query.fieldSelector ?? '',
      limit: query.limit === 0 ? undefined : query.limit,
      cursor: query.continue,
      signal,
    });
    const metadata = { resourceVersion: '', ...(page.next !== undefined && { continue: page.next }) };
    const headers = warningHeader(...page.warnings);
    const form = tableForm(request);
    if (form === undefined) {
      return jsonReply({ kind: 'PodList', apiVersion: 'v1', metadata, items: page.pods }, undefined, headers);
    }
    const table = podTable(page.pods, { metadata, include: query.includeObject ?? 'Metadata', now: Date.now() });
    return jsonReply(table, form, headers);
  };
  const listed = {
    description: `First those that Kubernetes has, then those of which only the log is left, by name. ${TABLE_DESCRIPTION}`,
    query: listQuery,
    responses: { 200: { description: 'A page of pods.', content: { [JSON_TYPE]: { schema: podList } } } },
    errors: ['kubernetes_unavailable', ...STORAGE_ERRORS],
  } as const;
  return [
    kubeOperation({
      ...listed,
      id: 'kubeListAllPods',
      route: '/api/v1/pods',
      summary: 'Pods of all namespaces',
      path: z.strictObject({}),
      handle: (request) => answerList(request, undefined),
    }),
    kubeOperation({
      ...listed,
      id: 'kubeListPods',
      route: '/api/v1/namespaces/:namespace/pods',
      summary: 'Pods of a namespace',
      path: namespacePath,
      handle: (request) => answerList(request, request.path['namespace'] ?? ''),
    }),
    kubeOperation({
      id: 'kubeGetNamespace',
      route: '/api/v1/namespaces/:namespace',
      summary: 'A namespace of any name',
      description:
        'kubectl asks for it when it does not find a pod. Whether there is such a namespace is not told: logs outlive them.',
      path: namespacePath,
      query: z.strictObject({}),
      responses: { 200: { description: 'Its name.', content: { [JSON_TYPE]: { schema: namespaceSchema } } } },
      handle: ({ path: { namespace: name = '' } }) =>
        jsonReply({ kind: 'Namespace', apiVersion: 'v1', metadata: { name } }),
    }),
    kubeOperation({
      id: 'kubeGetPod',
      route: '/api/v1/namespaces/:namespace/pods/:pod',
      summary: 'A pod, live or gone',
      description: `Of a pod that is gone, what its log tells. ${TABLE_DESCRIPTION}`,
      path: podPath,
      query: z.strictObject(tableQuery),
      responses: { 200: { description: 'The pod.', content: { [JSON_TYPE]: { schema: podSchema } } } },
      errors: [
        'job_not_found',
        'log_deleted',
        'log_expired',
        'metadata_unreadable',
        'kubernetes_unavailable',
        ...STORAGE_ERRORS,
      ],
      handle: async (request) => {
        const { namespace = '', pod: name = '' } = request.path;
        const { caller, query, signal } = request;
        const { pod, warning } = await pods.get({ caller, namespace, name, signal });
        const headers = warningHeader(warning);
        const form = tableForm(request);
        if (form === undefined) return jsonReply(pod, undefined, headers);
        const include = query.includeObject ?? 'Metadata';
        return jsonReply(podTable([pod], { metadata: {}, include, now: Date.now() }), form, headers);
      },
    }),
  ];
}

/** The form of table that is asked for before plain JSON. */
function tableForm({ headers }: Pick<ApiRequest, 'headers'>) {
  const [first] = acceptedJson(headers);
  return first?.['as'] === 'Table' && first['g'] === 'meta.k8s.io' && first['v'] === 'v1'
    ? { as: 'Table', v: 'v1', g: 'meta.k8s.io' }
    : undefined;
}
