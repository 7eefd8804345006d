import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { FLUENT_BIT_METRICS } from './fluent-bit-metrics.ts';
import { METRICS_FILE, metricsPage } from './metrics.ts';
import { namedMetrics, ROOT, textsOf } from './named-metrics.ts';
import { parseMetrics, type ServedMetric, servedMetrics } from './served-metrics.ts';

let served: Readonly<Record<string, readonly ServedMetric[]>>;
beforeAll(async () => void (served = await servedMetrics()));

test('docs/metrics.md tells of the apps as they are: else `npm run docs:metrics`', async () => {
  expect(await readFile(METRICS_FILE, 'utf8')).toBe(await metricsPage(served));
});

test('every metric that documents, dashboards and alerts name exists', async () => {
  const ours = Object.values(served)
    .flat()
    .map(({ name }) => name);
  const exists = new Set([...ours, ...FLUENT_BIT_METRICS]);
  const unknown: string[] = [];
  for (const { file, text } of await textsOf('README.md', 'docs', 'deploy'))
    for (const name of namedMetrics(text)) if (!exists.has(name)) unknown.push(`${relative(ROOT, file)}: ${name}`);
  expect(unknown).toEqual([]);
});

test('names are found wherever they stand', () => {
  const text = 'sum(rate(cordwood_a_seconds_bucket{le="1"}[5m])) > cordwood_b_total or `cordwood_c`, cordwood_b_total{';
  expect(namedMetrics(text)).toEqual(['cordwood_a_seconds', 'cordwood_b_total', 'cordwood_c']);
  expect(namedMetrics('rate(fluentbit_d_total[5m]) fluent-bit/fluentbit.conf')).toEqual(['fluentbit_d_total']);
  // A beginning of names, as in a grep, names none.
  expect(namedMetrics('^cordwood_ and cordwood_http_*')).toEqual([]);
});

test('metrics are read from the text format with their labels, and known to have none only by a sample', () => {
  const text = [
    '# HELP cordwood_a_total Has "words".',
    '# TYPE cordwood_a_total counter',
    String.raw`cordwood_a_total{code="x\"y=\"z",app="t"} 1`,
    '# HELP cordwood_b_seconds Time.',
    '# TYPE cordwood_b_seconds histogram',
    'cordwood_b_seconds_bucket{le="0.1",app="t"} 0',
    'cordwood_b_seconds_sum{app="t"} 0',
    '# HELP cordwood_c Nothing yet.',
    '# TYPE cordwood_c gauge',
  ].join('\n');
  expect(parseMetrics(text)).toEqual([
    { name: 'cordwood_a_total', help: 'Has "words".', type: 'counter', labels: ['code'] },
    { name: 'cordwood_b_seconds', help: 'Time.', type: 'histogram', labels: [] },
    { name: 'cordwood_c', help: 'Nothing yet.', type: 'gauge', labels: undefined },
  ]);
});
