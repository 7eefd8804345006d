import { type AppProcess, eventually, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { APP_CONFIGS } from '../lib/app-configs.ts';

/** A metric as an app serves it on /metrics. */
export interface ServedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** Undefined while there is no sample of it: labels stand on samples alone. */
  readonly labels: readonly string[] | undefined;
}

/** What makes samples of metrics that have none before something happens; `url` is that of the app's API. */
const EXERCISES: Readonly<Record<string, (url: string) => Promise<void>>> = {
  'queue-dashboard': async (url) => {
    const headers = { Origin: url };
    await (await fetch(`${url}/api/queues/compaction/no-such-job/retry`, { method: 'PUT', headers })).text();
  },
  'reader-api': async (url) => {
    for (const job of ['documented', 'no-such-job']) await (await fetch(`${url}/api/v1/jobs/${job}/log`)).text();
  },
};

/** Starts all apps, lets them do a little of everything, and gives what they serve on /metrics, by app. */
export async function servedMetrics(): Promise<Readonly<Record<string, readonly ServedMetric[]>>> {
  const system = await startTestSystem({
    env: { SWEEP_INTERVAL: '1s', KUBERNETES: 'off', DASHBOARD_MODE: 'operator' },
  });
  try {
    await putRaw(system.store, { pod: 'documented', index: 0, messages: ['a line'] });
    await system.store.put('kube.var.log.containers.documented_jobs_stray', Buffer.from('a stray object'));
    const served = Object.keys(APP_CONFIGS).map(async (app) => [app, await metricsOf(system, app)] as const);
    return Object.fromEntries(await Promise.all(served));
  } finally {
    await system.close();
  }
}

async function metricsOf(system: TestSystem, app: string): Promise<ServedMetric[]> {
  const process = await system.start(app, { PORT: '0' });
  const ready = (await process.line('ready')) as { readonly ports?: { readonly http?: number } };
  const { http } = ready.ports ?? {};
  if (http !== undefined) await EXERCISES[app]?.(`http://127.0.0.1:${http}`);
  let silent: readonly string[] = [];
  return eventually(
    () => `${app} has samples of ${silent.join(', ')} (let it do what they count, in tools/docs/served-metrics.ts)`,
    async () => {
      const metrics = await scrape(process);
      silent = metrics.filter(({ labels }) => labels === undefined).map(({ name }) => name);
      return silent.length === 0 && metrics;
    },
  );
}

async function scrape({ opsUrl }: AppProcess): Promise<ServedMetric[]> {
  return parseMetrics(await (await fetch(`${opsUrl}/metrics`)).text()).filter(({ name }) => isOurs(name));
}

export const isOurs = (name: string): boolean => name.startsWith('cordwood_');

/** Labels that stand on every sample, or that belong to the format. */
const COMMON_LABELS = new Set(['app', 'le']);

/** Reads Prometheus' text format. */
export function parseMetrics(text: string): ServedMetric[] {
  const lines = text.split('\n');
  const about = (keyword: string) =>
    lines.flatMap((line) => {
      const [, name = '', rest = ''] = new RegExp(String.raw`^# ${keyword} (\S+) (.*)$`).exec(line) ?? [];
      return name === '' ? [] : [[name, rest] as const];
    });
  const types = new Map(about('TYPE'));
  const labels = new Map<string, Set<string>>();
  for (const line of lines) {
    const [, series = '', list = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const name = types.has(series) ? series : series.replace(/_(?:bucket|sum|count)$/, '');
    const known = labels.get(name) ?? new Set();
    // Values may hold anything but a bare quote.
    for (const [, label = ''] of list.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g))
      if (!COMMON_LABELS.has(label)) known.add(label);
    labels.set(name, known);
  }
  return about('HELP').map(([name, help]) => {
    const found = labels.get(name);
    return { name, help, type: types.get(name) ?? 'untyped', labels: found && [...found] };
  });
}
