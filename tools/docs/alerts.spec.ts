import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stringify, parse } from 'yaml';
import { providePromtool } from '../lib/promtool.ts';
import { ROOT } from './named-metrics.ts';
import { PROMETHEUS_RULE_FILE, prometheusRule } from './prometheus-rule.ts';

const ALERTS = join(ROOT, 'deploy/alerts');
const TESTS = ['cordwood.rules.test.yaml', 'cordwood.days.test.yaml'];
const DASHBOARDS = ['operators', 'reader'];

interface Rule {
  readonly alert: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}
interface AlertTest {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}

const readYaml = async (name: string): Promise<unknown> => parse(await readFile(join(ALERTS, name), 'utf8'));

let rules: readonly Rule[];
let tests: readonly AlertTest[];
beforeAll(async () => {
  const { groups } = (await readYaml('cordwood.rules.yaml')) as { groups: { rules: Rule[] }[] };
  rules = groups.flatMap((group) => group.rules);
  const files = (await Promise.all(TESTS.map(readYaml))) as { tests: { alert_rule_test: AlertTest[] }[] }[];
  tests = files.flatMap((file) => file.tests).flatMap((each) => each.alert_rule_test);
});

test('each alert says how bad it is and what it is about, and leads to its section in the runbook', async () => {
  const headings = Array.from(
    (await readFile(join(ROOT, 'docs/runbook.md'), 'utf8')).matchAll(/^#+ (\w+)$/gm),
    ([, title = '']) => title,
  );
  for (const { alert, labels, annotations } of rules) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(Object.keys(annotations).toSorted()).toEqual(['description', 'runbook_url', 'summary']);
    expect(annotations['runbook_url']).toMatch(new RegExp(`/docs/runbook\\.md#${alert.toLowerCase()}$`));
  }
  const alerts = rules.map(({ alert }) => alert);
  expect(headings.filter((title) => title.startsWith('Cordwood'))).toEqual(alerts);
});

test('prometheus-rule.yaml has the same rules: else `npm run docs:alerts`', async () => {
  const text = await readFile(PROMETHEUS_RULE_FILE, 'utf8');
  expect(text).toBe(await prometheusRule());
  expect((parse(text) as { spec: unknown }).spec).toEqual(await readYaml('cordwood.rules.yaml'));
});

test('without the Prometheus Operator they lead where the command of README.md says', async () => {
  const readme = await readFile(join(ALERTS, 'README.md'), 'utf8');
  const [, command = ''] = /```sh\n\s*(sed .*) > cordwood\.rules\.yaml\n/.exec(readme) ?? [];
  const { stdout } = spawnSync('sh', ['-c', command], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, RUNBOOK_URL: 'https://wiki.example.org/a?page=runbook' },
  });
  const { groups } = parse(stdout) as { groups: { rules: Rule[] }[] };
  expect(groups.flatMap((group) => group.rules.map(({ annotations }) => annotations['runbook_url']))).toEqual(
    rules.map(({ alert }) => `https://wiki.example.org/a?page=runbook#${alert.toLowerCase()}`),
  );
});

test('each alert has tests in which it is quiet, fires and clears', () => {
  const byAlert = Map.groupBy(tests, ({ alertname }) => alertname);
  const states = (alert: string) => byAlert.get(alert)?.map(({ exp_alerts }) => exp_alerts.length > 0);
  for (const { alert } of rules) expect([alert, states(alert)?.slice(0, 3)]).toEqual([alert, [false, true, false]]);
});

const promtool = await providePromtool();
if (promtool === undefined) process.stderr.write('NO PROMTOOL: rules and queries are not checked. Set PROMTOOL.\n');
const describePromtool = promtool === undefined ? describe.skip : describe;

describePromtool('promtool', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cordwood-promtool-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** What it complains of. */
  const complaints = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(promtool ?? '', args, { cwd: ALERTS, encoding: 'utf8' });
    return status === 0 ? '' : `promtool ${args.join(' ')}: ${stdout}${stderr}`;
  };

  test('finds no fault with the rules', () => {
    expect(complaints('check', 'rules', 'cordwood.rules.yaml')).toBe('');
  });

  test('sees every alert fire and clear', () => {
    expect(complaints('test', 'rules', ...TESTS)).toBe('');
  });

  test('understands every query of the dashboards', async () => {
    const queries: string[] = [];
    for (const name of DASHBOARDS) {
      const dashboard = JSON.parse(await readFile(join(ROOT, `deploy/dashboards/${name}.json`), 'utf8')) as {
        panels: { targets?: { expr: string }[] }[];
      };
      queries.push(...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)));
    }
    expect(queries.length).toBeGreaterThan(50);
    const recorded = queries.map((expr, index) => ({
      record: `query_${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = join(dir, 'queries.yaml');
    await writeFile(file, stringify({ groups: [{ name: 'queries', rules: recorded }] }));
    expect(complaints('check', 'rules', file)).toBe('');
  });
});
