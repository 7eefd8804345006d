import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectRedis, createQueues } from '@cordwood/queues';
import { parseRedisUrl } from '@cordwood/service';
import { removeTestKeys, testQueuePrefix, testRedisUrl } from '@cordwood/testkit';
import { expect, test } from '@jest/globals';
import { manifestProblems } from './problems.ts';
import { containerOf, environmentOf, type Manifest, ROOT, takeManifest, type Workload, workloadsOf } from './render.ts';
import { describeRendered, render, renderOverlay } from './rendered.ts';

describeRendered('KEDA', () => {
  const readme = () => readFileSync(join(ROOT, 'deploy/kubernetes/README.md'), 'utf8');
  const triggersOf = (manifests: readonly Manifest[]) =>
    manifests
      .filter(({ kind }) => kind === 'ScaledObject')
      .flatMap(({ spec }) => (spec as { triggers: { metadata: { enableTLS?: string } }[] }).triggers);

  test('speaks TLS with Redis as the apps do', () => {
    // What the README puts into the Secret for the overlay.
    expect(readme()).toContain('--from-literal=url="rediss://');
    const tls = triggersOf(render('deploy/kubernetes/overlays/production')).map(({ metadata }) => metadata.enableTLS);
    expect(tls).toEqual(['true', 'true']);
    const plain = renderOverlay({
      resources: ['deploy/kubernetes/base'],
      components: ['deploy/kubernetes/components/keda'],
    });
    expect(triggersOf(plain).map(({ metadata }) => metadata.enableTLS)).toEqual([undefined, undefined]);
  });

  test('trusts a private authority, and so does every pod, with a component', async () => {
    const manifests = renderOverlay({
      resources: ['deploy/kubernetes/overlays/production'],
      components: ['deploy/kubernetes/components/private-ca'],
    });
    const { spec } = takeManifest(manifests, 'TriggerAuthentication', 'cordwood-redis');
    expect(spec).toEqual({
      secretTargetRef: [
        { parameter: 'address', name: 'cordwood-redis', key: 'address' },
        { parameter: 'password', name: 'cordwood-redis', key: 'password' },
        { parameter: 'ca', name: 'cordwood-ca', key: 'ca.crt' },
      ],
    });
    const pods = workloadsOf(manifests).filter(({ metadata }) => metadata.namespace === 'cordwood');
    expect(pods.length).toBe(6);
    const before = workloadsOf(render('deploy/kubernetes/overlays/production'));
    for (const pod of pods) {
      const { secretName } = pod.spec.template.spec?.volumes?.[0]?.secret ?? {};
      const [mount] = containerOf(pod).volumeMounts ?? [];
      expect([secretName, environmentOf(pod, manifests)['NODE_EXTRA_CA_CERTS']]).toEqual([
        'cordwood-ca',
        `${mount?.mountPath ?? ''}/ca.crt`,
      ]);
      // The patch puts its volume in the place of all.
      const same = before.find(({ kind, metadata }) => kind === pod.kind && metadata.name === pod.metadata.name);
      expect(same?.spec.template.spec?.volumes).toBeUndefined();
    }
    expect(await manifestProblems(manifests)).toEqual([]);
  });

  test('looks at the lists in which BullMQ keeps what waits for a worker', async () => {
    const manifests = render('deploy/kubernetes/overlays/production');
    const url = testRedisUrl();
    const prefix = testQueuePrefix();
    const lists = ['compactor-worker', 'cleanup-worker'].map((app) => {
      const inCluster = environmentOf(takeManifest(manifests, 'Deployment', app) as Workload, manifests)[
        'QUEUE_PREFIX'
      ];
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
