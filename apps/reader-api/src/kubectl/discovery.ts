import { productVersion } from '@cordwood/service';
import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { JSON_TYPE } from '../http/operation.ts';
import { nothing } from '../http/query.ts';
import { type Accepted, acceptedJson, jsonReply, kubeOperation } from './kube-operation.ts';

/** The Kubernetes whose API this is a part of: clients compare it with their own version. */
const KUBERNETES = { major: '1', minor: '32' };

const VERSION = {
  ...KUBERNETES,
  // What stands behind the plus is no part of the version that is compared.
  gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.0+${productVersion.replace('/', '.')}`,
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: '',
};

/** Where groups and resources are listed one by one: `/api`, `/apis`, `/api/v1`. */
const VERSIONS = {
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
};
const GROUPS = { kind: 'APIGroupList', apiVersion: 'v1', groups: [] };
const VERBS = ['get', 'list'];
const RESOURCES = {
  kind: 'APIResourceList',
  groupVersion: 'v1',
  resources: [
    {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: VERBS,
      shortNames: ['po'],
      categories: ['all'],
    },
    { name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] },
  ],
};

const kind = (name: string) => ({ group: '', version: 'v1', kind: name });

/** The same in one answer, which kubectl asks for since 1.26. */
const AGGREGATED_API = [
  {
    metadata: { creationTimestamp: null },
    versions: [
      {
        version: 'v1',
        resources: [
          {
            resource: 'pods',
            responseKind: kind('Pod'),
            scope: 'Namespaced',
            singularResource: 'pod',
            verbs: VERBS,
            shortNames: ['po'],
            categories: ['all'],
            subresources: [{ subresource: 'log', responseKind: kind('Pod'), verbs: ['get'] }],
          },
        ],
        freshness: 'Current',
      },
    ],
  },
];

/** `/version`, and which resources there are: pods and their logs, which can be got and listed. */
export const discoveryRoutes = (): readonly Operation[] => [
  discovery('kubeVersion', '/version', 'The version of Kubernetes whose API this is a part of', () =>
    jsonReply(VERSION),
  ),
  discovery('kubeApi', '/api', 'Versions of the core API', (accepted) => inForm(accepted, AGGREGATED_API, VERSIONS)),
  discovery('kubeApis', '/apis', 'Other groups of the API: none', (accepted) => inForm(accepted, [], GROUPS)),
  discovery('kubeApiV1', '/api/v1', 'Resources of the core API', () => jsonReply(RESOURCES)),
];

const discovery = (
  id: string,
  route: string,
  summary: string,
  answer: (accepted: readonly Accepted[]) => ReturnType<typeof jsonReply>,
) =>
  kubeOperation({
    id,
    route,
    summary,
    path: nothing,
    query: nothing,
    // It tells nothing of pods, and clients ask for it before they think of tokens.
    isPublic: true,
    responses: {
      200: { description: 'As Kubernetes has it.', content: { [JSON_TYPE]: { schema: z.looseObject({}) } } },
    },
    handle: ({ headers }) => answer(acceptedJson(headers)),
  });

const LIST = 'APIGroupDiscoveryList';

function inForm(accepted: readonly Accepted[], items: readonly object[], legacy: object) {
  for (const { as, g, v } of accepted) {
    if (as === undefined) break;
    if (as === LIST && g === 'apidiscovery.k8s.io' && (v === 'v2' || v === 'v2beta1')) {
      const list = { kind: LIST, apiVersion: `${g}/${v}`, metadata: {}, items };
      return jsonReply(list, { g, v, as });
    }
  }
  return jsonReply(legacy);
}
