import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Manifest, ROOT, takeManifest } from './render.ts';
import { describeRendered, render } from './rendered.ts';

describeRendered('the alerts', () => {
  test('lead where one line of the overlay says, which is no ConfigMap of the cluster', () => {
    const overlay = 'deploy/kubernetes/overlays/production';
    const text = readFileSync(join(ROOT, overlay, 'kustomization.yaml'), 'utf8');
    const [, url = '', ...more] = /RUNBOOK_URL=([^\]]+)/.exec(text) ?? [];
    expect([url.startsWith('https://'), more]).toEqual([true, []]);
    const manifests = render(overlay);
    const { spec } = takeManifest(manifests, 'PrometheusRule', 'cordwood') as Manifest & {
      spec: { groups: { rules: { alert: string; annotations: Record<string, string> }[] }[] };
    };
    const rules = spec.groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(20);
    for (const { alert, annotations } of rules)
      expect(annotations['runbook_url']).toBe(`${url}#${alert.toLowerCase()}`);
    expect(JSON.stringify(manifests)).not.toContain('git.example.com');
    expect(manifests.filter(({ metadata }) => metadata.name.startsWith('cordwood-alerts'))).toEqual([]);
  });
});
