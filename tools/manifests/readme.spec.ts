import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { manifestProblems } from './problems.ts';
import { environmentOf, type Manifest, ROOT, takeManifest, type Workload } from './render.ts';
import { describeRendered, type Overlay, renderOverlay } from './rendered.ts';

const PRODUCTION = 'deploy/kubernetes/overlays/production';

/** What a README says to put into an overlay: its YAML blocks, as an overlay each. */
const overlaysIn = (file: string): Overlay[] =>
  Array.from(
    readFileSync(join(ROOT, file), 'utf8').matchAll(/^```yaml\n([^]*?)^```$/gm),
    ([, block = '']) => parse(block) as Overlay,
  );

const onProduction = (overlay: Overlay | undefined) => renderOverlay({ ...overlay, resources: [PRODUCTION] });
const replicasOf = (manifests: readonly Manifest[], name: string) =>
  (takeManifest(manifests, 'Deployment', name)['spec'] as { replicas?: number }).replicas;

describeRendered('what the READMEs say to put into an overlay', () => {
  test('scales workers, and holds them back', async () => {
    const [withKeda, withoutKeda, held, ...more] = overlaysIn('deploy/kubernetes/README.md');
    expect(more).toEqual([]);

    const scaled = onProduction(withKeda);
    expect(takeManifest(scaled, 'ScaledObject', 'compactor-worker')['spec']).toMatchObject({ minReplicaCount: 5 });
    expect(takeManifest(scaled, 'ScaledObject', 'cleanup-worker')['spec']).toMatchObject({ minReplicaCount: 1 });
    expect(await manifestProblems(scaled)).toEqual([]);

    const plain = renderOverlay({ ...withoutKeda, resources: ['deploy/kubernetes/base'] });
    expect([replicasOf(plain, 'compactor-worker'), replicasOf(plain, 'cleanup-worker')]).toEqual([5, undefined]);

    const none = onProduction(held);
    for (const name of ['compactor-worker', 'cleanup-worker']) {
      expect(replicasOf(none, name)).toBe(0);
      const { annotations } = takeManifest(none, 'ScaledObject', name).metadata;
      expect(annotations).toEqual({ 'autoscaling.keda.sh/paused-replicas': '0' });
    }
  });

  test('has Fluent Bit keep the logs of other namespaces', () => {
    const [namespaces, ...more] = overlaysIn('deploy/fluent-bit/README.md');
    expect(more).toEqual([]);
    const manifests = onProduction(namespaces);
    const fluentBit = takeManifest(manifests, 'DaemonSet', 'fluent-bit') as Workload;
    expect(environmentOf(fluentBit, manifests)['LOG_PATH']).toBe(
      '/var/log/containers/*_team-a_*.log,/var/log/containers/*_team-b_*.log',
    );
  });
});
