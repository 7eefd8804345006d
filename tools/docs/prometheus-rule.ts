import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './named-metrics.ts';

const RULES_FILE = join(ROOT, 'deploy/alerts/cordwood.rules.yaml');
export const PROMETHEUS_RULE_FILE = join(ROOT, 'deploy/alerts/prometheus-rule.yaml');

/** deploy/alerts/cordwood.rules.yaml as the Prometheus Operator takes it, comments included. */
export async function prometheusRule(): Promise<string> {
  const rules = await readFile(RULES_FILE, 'utf8');
  const head = [
    '# Written by `npm run docs:alerts` from cordwood.rules.yaml; a test compares them.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    '  name: cordwood',
    '  namespace: cordwood',
    '  labels: { app.kubernetes.io/part-of: cordwood }',
    'spec:',
  ];
  return [...head, ...rules.split('\n').map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
}
