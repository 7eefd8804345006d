import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { FLUENT_BIT_METRICS } from './fluent-bit-metrics.ts';
import { METRICS_FILE, metricsPage } from './metrics.ts';
import { parse } from 'yaml';
import { askedMetrics, namedMetrics, ROOT, textsOf } from './named-metrics.ts';
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

/** Every query of the dashboards and alerts. */
async function queries(): Promise<string[]> {
  const found: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, field] of Object.entries(value)) {
      if ((key === 'expr' || key === 'query') && typeof field === 'string') found.push(field);
      else collect(field);
    }
  };
  for (const { text } of await textsOf('deploy/dashboards')) collect(JSON.parse(text));
  collect(parse(await readFile(join(ROOT, 'deploy/alerts/cordwood.rules.yaml'), 'utf8')));
  return found;
}

test('every metric of every app is shown by a dashboard, or watched by an alert', async () => {
  const asked = (await queries()).flatMap(askedMetrics);
  expect(asked.length).toBeGreaterThan(80);
  const unused = Object.entries(served).flatMap(([app, metrics]) =>
    metrics
      .filter(({ name }) => !asked.some((each) => each.name === name && each.takes(app)))
      .map(({ name }) => `${name} of ${app}`),
  );
  expect(unused).toEqual([]);
});

test('a query asks for metrics of all apps, or of those that it names', () => {
  const apps = ['reader-api', 'queue-dashboard'];
  const asked = (query: string) =>
    askedMetrics(query).map(({ name, takes }) => [name, apps.filter((app) => takes(app))] as const);
  expect(asked('sum by (app) (rate(cordwood_a_seconds_bucket[5m])) / sum(cordwood_b{queue="app"})')).toEqual([
    ['cordwood_a_seconds', apps],
    ['cordwood_b', apps],
  ]);
  expect(asked('cordwood_a{app="reader-api", x="y"} + cordwood_a{app!="reader-api"}')).toEqual([
    ['cordwood_a', ['reader-api']],
    ['cordwood_a', ['queue-dashboard']],
  ]);
  expect(asked('cordwood_a{x="y",app=~"reader-.*|other"} + cordwood_a{app!~"reader-api|queue"}')).toEqual([
    ['cordwood_a', ['reader-api']],
    ['cordwood_a', ['queue-dashboard']],
  ]);
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
