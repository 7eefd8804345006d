import { expect, test } from '@jest/globals';
import { manifestProblems } from './problems.ts';
import { type Manifest, neededSecretKeys, takeManifest } from './render.ts';
import { describeRendered, KUBECTL, render } from './rendered.ts';

const rendered = (overlay: string) => (KUBECTL === '' ? [] : render(`deploy/kubernetes/overlays/${overlay}`));
const production = rendered('production');
const oidc = rendered('oidc');

const CONTAINER = 'spec/template/spec/containers/0';

/** Sets the field at the path; undefined takes it away. */
function change(manifest: Manifest, path: string, value: unknown): void {
  const names = path.split('/');
  const last = names.pop() ?? '';
  let parent = manifest as Record<string, unknown>;
  for (const name of names) parent = parent[name] as Record<string, unknown>;
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
}

describeRendered('a manifest that is broken is found', () => {
  test.each<[what: string, manifest: [kind: string, name: string], path: string, value: unknown, problem: string]>([
    [
      'a value of another type',
      ['Deployment', 'reader-api'],
      'spec/revisionHistoryLimit',
      'three',
      'Deployment cordwood/reader-api: data/spec/revisionHistoryLimit must be integer',
    ],
    [
      'a field that is missing',
      ['Deployment', 'reader-api'],
      'spec/selector',
      undefined,
      'Deployment cordwood/reader-api: data/spec must have required property selector',
    ],
    [
      'a field with a misspelt name, deep inside',
      ['Deployment', 'cleanup-worker'],
      `${CONTAINER}/readinesProbe`,
      {},
      'Deployment cordwood/cleanup-worker: no such field: /spec/template/spec/containers/0/readinesProbe',
    ],
    [
      'a misspelt name in a custom resource',
      ['ScaledObject', 'compactor-worker'],
      'spec/minReplicas',
      1,
      'ScaledObject cordwood/compactor-worker: no such field: /spec/minReplicas',
    ],
    [
      'a kind that there is not',
      ['PodDisruptionBudget', 'reader-api'],
      'apiVersion',
      'policy/v2',
      'PodDisruptionBudget cordwood/reader-api: no schema of policy/v2 PodDisruptionBudget',
    ],
    [
      'a selector that selects nothing',
      ['Service', 'reader-api'],
      'spec/selector',
      { app: 'reader-api' },
      'Service cordwood/reader-api selects not the pods of one workload',
    ],
    [
      'a ConfigMap that there is not',
      ['DaemonSet', 'fluent-bit'],
      'spec/template/spec/volumes/0/configMap/name',
      'fluent-bit',
      'DaemonSet cordwood-logging/fluent-bit mounts a ConfigMap that is not there: fluent-bit',
    ],
    [
      'a port that there is not',
      ['Deployment', 'reader-api'],
      `${CONTAINER}/livenessProbe/httpGet/port`,
      'health',
      'Deployment cordwood/reader-api is probed on a port that it has not: health',
    ],
    [
      'a port that nobody listens on',
      ['Deployment', 'reader-api'],
      `${CONTAINER}/ports/0/containerPort`,
      8081,
      'Deployment cordwood/reader-api: it does not listen on port 8081 (http)',
    ],
    [
      'a variable that no app has',
      ['ConfigMap', 'cleanup-worker'],
      'data/CLEANUP_DELY',
      '1h',
      'cleanup-worker: CLEANUP_DELY is no variable of the app',
    ],
    [
      'a variable that nobody decided about',
      ['ConfigMap', 'reader-api'],
      'data/RATE_LIMIT',
      undefined,
      'reader-api: RATE_LIMIT is neither set nor listed as left at its default',
    ],
    [
      'a value that the app refuses',
      ['ConfigMap', 'compactor-worker'],
      'data/SCAN_INTERVAL',
      'often',
      'compactor-worker: One variable is wrong in the environment:\n  SCAN_INTERVAL holds "often": a duration such as 500ms, 90s, 15m, 1h or 7d, at least 1s is allowed',
    ],
    [
      'less grace than the shutdown takes',
      ['Deployment', 'reader-api'],
      'spec/template/spec/terminationGracePeriodSeconds',
      30,
      'Deployment cordwood/reader-api: 30 s of grace for preStop and shutdown of 35 s',
    ],
    [
      'a root file system to write to',
      ['Deployment', 'compactor-worker'],
      `${CONTAINER}/securityContext/readOnlyRootFilesystem`,
      false,
      'Deployment cordwood/compactor-worker may write to its root file system',
    ],
    [
      'a token for a worker',
      ['Deployment', 'compactor-worker'],
      'spec/template/spec/automountServiceAccountToken',
      true,
      'Deployment cordwood/compactor-worker has a token',
    ],
    [
      'a port to scrape that there is not',
      ['PodMonitor', 'fluent-bit'],
      'spec/podMetricsEndpoints/0/port',
      'metrics',
      'PodMonitor cordwood-logging/fluent-bit scrapes a port that no container has: metrics',
    ],
    [
      'a Job with a token',
      ['CronJob', 'doctor'],
      'spec/jobTemplate/spec/template/spec/automountServiceAccountToken',
      true,
      'CronJob cordwood/doctor has a token',
    ],
    [
      "a Job with another's rights in S3",
      ['CronJob', 'doctor'],
      'spec/jobTemplate/spec/template/spec/serviceAccountName',
      'compactor-worker',
      'CronJob cordwood/doctor shares a ServiceAccount',
    ],
  ])('%s', async (_what, [kind, name], path, value, problem) => {
    const manifests = structuredClone(production);
    change(takeManifest(manifests, kind, name), path, value);
    expect(await manifestProblems(manifests)).toEqual([problem]);
  });
});

describeRendered('with AUTH_MODE=oidc', () => {
  test.each<[what: string, manifest: [kind: string, name: string], path: string, value: unknown, problems: string[]]>([
    [
      'no way to the issuer',
      ['NetworkPolicy', 'dashboard-issuer'],
      'spec/egress/0/ports/0/port',
      6379,
      ['queue-dashboard: may not reach OIDC_ISSUER'],
    ],
    [
      'a way to some pods, but not to the issuer',
      ['NetworkPolicy', 'dashboard-issuer'],
      'spec/egress/0/to',
      [{ podSelector: {} }],
      ['queue-dashboard: may not reach OIDC_ISSUER'],
    ],
    [
      'a PUBLIC_URL that leads elsewhere',
      ['ConfigMap', 'queue-dashboard'],
      'data/PUBLIC_URL',
      'http://queues.example.com',
      ['queue-dashboard: no ingress leads to it from PUBLIC_URL'],
    ],
    [
      'a READER_URL that leads elsewhere',
      ['ConfigMap', 'queue-dashboard'],
      'data/READER_URL',
      'https://queues.example.com',
      ['queue-dashboard: no ingress leads to the reader from READER_URL'],
    ],
    [
      'a proxy in front that it is not told of',
      ['ConfigMap', 'queue-dashboard'],
      'data/TRUST_PROXY',
      '0',
      ['queue-dashboard: is behind an ingress, but TRUST_PROXY is 0'],
    ],
    [
      'an ingress to a port that there is not',
      ['Ingress', 'queue-dashboard'],
      'spec/rules/0/http/paths/0/backend/service/port/name',
      'web',
      [
        'Ingress cordwood/queue-dashboard leads to no port of a Service',
        'queue-dashboard: no ingress leads to it from PUBLIC_URL',
      ],
    ],
    [
      'an ingress to what lets everybody in',
      ['ConfigMap', 'reader-api'],
      'data/AUTH_MODE',
      'none',
      [
        'reader-api: OIDC_ISSUER is listed as left at its default, but is set or no variable',
        'reader-api: OIDC_AUDIENCE is listed as left at its default, but is set or no variable',
        'reader-api: is behind an ingress and lets everybody in',
      ],
    ],
    [
      'no session secret',
      ['Deployment', 'queue-dashboard'],
      `${CONTAINER}/env/2/name`,
      'SESSION_SECRT',
      [
        'queue-dashboard: SESSION_SECRT is no variable of the app',
        'queue-dashboard: SESSION_SECRET is neither set nor listed as left at its default',
      ],
    ],
  ])('%s', async (_what, [kind, name], path, value, problems) => {
    const manifests = structuredClone(oidc);
    change(takeManifest(manifests, kind, name), path, value);
    expect(await manifestProblems(manifests)).toEqual(problems);
  });

  test('the password of AUTH_MODE=basic is not asked for', () => {
    expect(neededSecretKeys(oidc).map(({ secret }) => secret)).not.toContain('cordwood-dashboard');
  });
});
