import { describe, expect, test } from '@jest/globals';
import { connectRedis, createQueues } from '@cordwood/queues';
import { createHealth, createMetrics, parseRedisUrl, startOpsServer } from '@cordwood/service';
import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { APP_SCHEMAS } from '../lib/app-configs.ts';
import { findProgram } from '../lib/programs.ts';
import { environmentProblems } from './environment-problems.ts';
import { referenceProblems } from './reference-problems.ts';
import { appsOf, containerOf, environmentOf, type Manifest, renderKustomization, type Workload } from './render.ts';
import { schemaProblems } from './schema-problems.ts';
import { portProblems, securityProblems, shutdownProblems } from './workload-problems.ts';

const kubectl = await findProgram('kubectl');
if (kubectl === undefined)
  process.stderr.write('NOTICE: no kubectl on the PATH: manifests are not rendered, nor checked.\n');
const describeRendered = kubectl === undefined ? describe.skip : describe;

const OVERLAYS = ['production', 'minikube'].map((name) => `deploy/kubernetes/overlays/${name}`);
const rendered = new Map<string, readonly Manifest[]>();

/** A copy, for the test to break. */
function render(directory: string): Manifest[] {
  const known = rendered.get(directory) ?? renderKustomization(kubectl ?? '', directory);
  rendered.set(directory, known);
  return structuredClone([...known]);
}

/** The first manifest of the kind whose name begins so (those of ConfigMaps end in a hash). */
function take(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name.startsWith(name));
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

const takeWorkload = (manifests: readonly Manifest[], kind: string, name: string) =>
  take(manifests, kind, name) as Workload;

async function allProblems(manifests: readonly Manifest[]): Promise<string[]> {
  const misfits = (await Promise.all(manifests.map(schemaProblems))).flat();
  // The other checks rely on the form.
  if (misfits.length > 0) return misfits;
  const apps = [...appsOf(manifests, Object.keys(APP_SCHEMAS)).values()];
  return [
    ...referenceProblems(manifests),
    ...environmentProblems(manifests),
    ...apps.flatMap((app) => [
      ...shutdownProblems(app, manifests),
      ...portProblems(app, manifests),
      ...securityProblems(app),
    ]),
  ];
}

describeRendered.each(OVERLAYS)('%s', (directory) => {
  test('fits the schemas, the apps and itself', async () => {
    const manifests = render(directory);
    expect(await allProblems(manifests)).toEqual([]);
    expect(appsOf(manifests, Object.keys(APP_SCHEMAS)).size).toBe(Object.keys(APP_SCHEMAS).length);
  });

  test('holds no Secret, and two of nothing', () => {
    const manifests = render(directory);
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const ids = manifests.map(({ kind, metadata }) => `${kind} ${String(metadata.namespace)} ${metadata.name}`);
    expect(ids).toEqual([...new Set(ids)]);
  });

  test('Fluent Bit writes to the bucket that the apps read', () => {
    const manifests = render(directory);
    const daemon = takeWorkload(manifests, 'DaemonSet', 'fluent-bit');
    const reader = takeWorkload(manifests, 'Deployment', 'reader-api');
    const [written, read] = [daemon, reader].map((workload) => environmentOf(workload, manifests));
    expect(written?.['LOGS_BUCKET']).toBe(read?.['LOGS_BUCKET']);
    expect(written?.['AWS_REGION']).toBe(read?.['AWS_REGION']);
  });

  test('rights in Kubernetes: those of the reader, and no others', () => {
    const manifests = render(directory);
    const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding'));
    expect(bindings.map(({ subjects }) => subjects)).toEqual([
      [{ kind: 'ServiceAccount', name: 'reader-api', namespace: 'cordwood' }],
    ]);
    const roles = manifests.filter(({ kind }) => /^(Cluster)?Role$/.test(kind));
    expect(roles.map(({ rules }) => rules)).toEqual([
      [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
        { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
        { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
        { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      ],
    ]);
  });

  test('probes ask for paths that every app has', async () => {
    const server = await startOpsServer({
      health: createHealth(),
      metrics: createMetrics({ app: 'test', version: '0', defaults: false }),
      port: 0,
      host: '127.0.0.1',
    });
    try {
      const apps = appsOf(render(directory), Object.keys(APP_SCHEMAS));
      for (const app of apps.values()) {
        const { startupProbe, livenessProbe, readinessProbe } = containerOf(app);
        expect(livenessProbe?.httpGet?.path).toBe('/healthz');
        expect(readinessProbe?.httpGet?.path).toBe('/readyz');
        for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
          expect(probe?.httpGet?.port).toBe('metrics');
          const answer = await fetch(`http://127.0.0.1:${server.port}${probe?.httpGet?.path ?? ''}`);
          expect(answer.status).toBe(200);
        }
      }
    } finally {
      await server.close();
    }
  });
});

describeRendered('KEDA', () => {
  test('looks at the lists in which BullMQ keeps what waits for a worker', async () => {
    const manifests = render('deploy/kubernetes/overlays/production');
    const url = testRedisUrl();
    const prefix = testQueuePrefix();
    const lists = ['compactor-worker', 'cleanup-worker'].map((app) => {
      const inCluster = environmentOf(takeWorkload(manifests, 'Deployment', app), manifests)['QUEUE_PREFIX'];
      const scaled = take(manifests, 'ScaledObject', app) as Manifest & {
        spec: { triggers: { metadata: { listName: string } }[] };
      };
      const { listName } = scaled.spec.triggers[0]!.metadata;
      expect(listName).toMatch(/^\{cordwood\}:/);
      return listName.replace(String(inCluster), prefix);
    });
    const quiet = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, child: () => quiet };
    const connection = connectRedis({ target: parseRedisUrl(url)!, logger: quiet });
    const queues = createQueues({ connection, prefix, logger: quiet });
    try {
      await queues.enqueueCompactions(['a', 'b', 'c']);
      await queues.enqueueCleanups(['a', 'b']);
      const lengths = await Promise.all(lists.map((list) => connection.producer.llen(list)));
      expect(lengths).toEqual([3, 2]);
    } finally {
      await queues.close();
      await connection.close();
      await removeTestKeys(prefix);
    }
  });
});

describeRendered('a broken manifest is found', () => {
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
      'data/TRUST_PROXY',
      undefined,
      'reader-api: TRUST_PROXY is neither set nor listed as left at its default',
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
  ])('%s', async (_what, [kind, name], path, value, problem) => {
    const manifests = render('deploy/kubernetes/overlays/production');
    change(take(manifests, kind, name), path, value);
    expect(await allProblems(manifests)).toEqual([problem]);
  });
});
