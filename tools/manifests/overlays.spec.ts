import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { connectRedis, createQueues } from '@cordwood/queues';
import { createHealth, createMetrics, parseRedisUrl, startOpsServer } from '@cordwood/service';
import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { APP_SCHEMAS } from '../lib/app-configs.ts';
import { findProgram } from '../lib/programs.ts';
import { manifestProblems } from './problems.ts';
import {
  appsOf,
  containerOf,
  environmentOf,
  type Manifest,
  neededSecretKeys,
  renderKustomization,
  ROOT,
  takeManifest,
  type Workload,
} from './render.ts';

const kubectl = await findProgram('kubectl');
if (kubectl === undefined)
  process.stderr.write('NOTICE: no kubectl on the PATH: manifests are not rendered, nor checked.\n');
const describeRendered = kubectl === undefined ? describe.skip : describe;

const OVERLAYS = ['production', 'oidc', 'minikube'].map((name) => `deploy/kubernetes/overlays/${name}`);
const render = (directory: string) => renderKustomization(kubectl ?? '', directory);

const takeWorkload = (manifests: readonly Manifest[], kind: string, name: string) =>
  takeManifest(manifests, kind, name) as Workload;

describeRendered.each(OVERLAYS)('%s', (directory) => {
  test('fits the schemas, the apps and itself', async () => {
    const manifests = render(directory);
    expect(await manifestProblems(manifests)).toEqual([]);
    expect(appsOf(manifests, Object.keys(APP_SCHEMAS)).size).toBe(Object.keys(APP_SCHEMAS).length);
  });

  test('README.md tells of each Secret that is needed', () => {
    const rows = readFileSync(join(ROOT, 'deploy/kubernetes/README.md'), 'utf8').split('\n');
    const needed = neededSecretKeys(render(directory));
    expect(needed).toContainEqual({ namespace: 'cordwood', secret: 'cordwood-redis', key: 'url' });
    for (const { namespace, secret, key } of needed) {
      const row = rows.find((each) => each.startsWith('| ') && each.includes(`\`${secret}\``));
      expect(row).toContain(`\`${namespace}\``);
      expect(row).toContain(`\`${key}\``);
    }
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
    const logs = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
    ];
    const reviews = [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    ];
    const reader = environmentOf(takeWorkload(manifests, 'Deployment', 'reader-api'), manifests);
    // Who asks Kubernetes nothing may ask nothing. The manifests of a local cluster, AUTH_MODE=none, have what there is.
    expect(roles.map(({ rules }) => rules)).toEqual([reader['AUTH_MODE'] === 'oidc' ? logs : [...logs, ...reviews]]);
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

describeRendered('the doctor', () => {
  const manifests = () => render('deploy/kubernetes/overlays/production');
  const jobOf = (name: string) => {
    const { spec } = takeManifest(manifests(), 'CronJob', name) as Manifest & {
      spec: { suspend: boolean; jobTemplate: { spec: Workload['spec'] } };
    };
    return { suspend: spec.suspend, spec: spec.jobTemplate.spec };
  };

  test.each([
    ['doctor', ['--json']],
    ['doctor-repair', ['--json', '--repair']],
  ])('%s runs when somebody wants it to, and repairs only where its name says so', (name, args) => {
    const { suspend, spec } = jobOf(name);
    expect(suspend).toBe(true);
    const [container] = spec.template.spec?.containers ?? [];
    expect(container?.command).toEqual(['node', 'cordwood/main.js', 'doctor']);
    expect(container?.args).toEqual(args);
    // Where each image has the CLI.
    expect(readFileSync(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8')).toContain('/dist/apps/cordwood/ ./cordwood/');
  });

  test('the runbook adds arguments to a Job of it', () => {
    const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
    const [, patch = ''] = /kubectl patch --local [^]*? -p '([^']*)'/.exec(runbook) ?? [];
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'doctor-now' }, spec: jobOf('doctor').spec };
    const { stdout, stderr } = spawnSync(
      kubectl ?? '',
      ['patch', '--local', '-f', '-', '--type=json', '-o', 'json', '-p', patch],
      { input: JSON.stringify(job), encoding: 'utf8', env: { ...process.env, KUBECONFIG: '/dev/null' } },
    );
    expect(stderr).toBe('');
    const patched = JSON.parse(stdout) as { spec: Workload['spec'] };
    expect(patched.spec.template.spec?.containers[0]?.args).toEqual(['--json', '--deep', 'my-pod']);
  });
});

describeRendered('KEDA', () => {
  test('looks at the lists in which BullMQ keeps what waits for a worker', async () => {
    const manifests = render('deploy/kubernetes/overlays/production');
    const url = testRedisUrl();
    const prefix = testQueuePrefix();
    const lists = ['compactor-worker', 'cleanup-worker'].map((app) => {
      const inCluster = environmentOf(takeWorkload(manifests, 'Deployment', app), manifests)['QUEUE_PREFIX'];
      const scaled = takeManifest(manifests, 'ScaledObject', app) as Manifest & {
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
