import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createHealth, createMetrics, startOpsServer } from '@cordwood/service';
import { APP_SCHEMAS } from '../lib/app-configs.ts';
import { manifestProblems } from './problems.ts';
import {
  appsOf,
  containerOf,
  environmentOf,
  type Manifest,
  neededSecretKeys,
  ROOT,
  takeManifest,
  type Workload,
} from './render.ts';
import { describeRendered, render } from './rendered.ts';

const OVERLAYS = ['production', 'oidc', 'minikube'].map((name) => `deploy/kubernetes/overlays/${name}`);

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
