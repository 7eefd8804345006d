import { eventually } from '@cordwood/testkit';
import { fill, minutes } from './fill.ts';
import type { SoakSystem, WatchedApp } from './system.ts';

/** What a soak found, by name, for people. */
export type Figures = Readonly<Record<string, number | string>>;

const POD = 'job-soak';
const HOURS_MS = 3_600_000 * 5;
const READ_PATH = `/api/v1/jobs/${POD}/log`;

/** One log of so many bytes in so many raw files: read raw, merged, read merged. */
export async function soakLog(
  system: SoakSystem,
  { bytes, files }: { readonly bytes: number; readonly files: number },
): Promise<Figures> {
  const stored = await fill(system.store, minutes(POD, files, Math.ceil(bytes / files)));
  return run(system, files, stored);
}

/** One log in so many small raw files. */
export async function soakFiles(system: SoakSystem, files: number): Promise<Figures> {
  const stored = await fill(system.store, minutes(POD, files, 2_000));
  return run(system, files, stored);
}

async function run(system: SoakSystem, files: number, stored: number): Promise<Figures> {
  note(`${files.toString()} raw files, ${(stored / 1e6).toFixed(0)} MB`);
  const raw = await read(system);
  note(`read raw: ${JSON.stringify(raw)}`);
  const compactor = await system.start('compactor-worker', {
    CLEANUP_DELAY: '5s',
    ORPHAN_AGE: '1h',
    COMPACTION_INTERVAL: '5s',
    SCAN_INTERVAL: '5s',
  });
  const startedAt = performance.now();
  const merged = await allMerged(compactor, files);
  const seconds = (performance.now() - startedAt) / 1_000;
  const metrics = await metricsOf(compactor);
  const peaks = compactor.watch.peaks();
  note(`merged: ${JSON.stringify(peaks)}`);
  const text = await read(system);
  return {
    'raw files': files,
    'raw MB': stored / 1e6,
    'merge: seconds': seconds,
    'merge: records': merged.records,
    'merge: commits': merged.commits,
    'merge: peak RSS, MB': peaks.rssMb,
    'merge: longest stall, ms': peaks.stallMs,
    'merge: most CPU in one turn, ms': peaks.stallCpuMs,
    'merge: sockets': peaks.sockets,
    'lock renewals': sample(metrics, 'cordwood_job_lock_renewals_total{', 'result="renewed"'),
    'locks lost': sample(metrics, 'cordwood_job_lock_renewals_total{', 'result="lost"'),
    'metadata, bytes': (await system.store.head(`metadata/${POD}.json`)).size,
    ...prefixed('read raw', raw),
    ...prefixed('read merged', text),
    'same bytes read': raw['bytes'] === text['bytes'] ? 'yes' : 'NO',
  };
}

const prefixed = (prefix: string, figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}: ${name}`, value]));

/** Waits until every raw file is merged, in however many jobs. */
async function allMerged({ app }: WatchedApp, files: number): Promise<{ records: number; commits: number }> {
  const sum = (field: string): number =>
    app.lines
      .filter((line) => line['message'] === 'pod compacted')
      .reduce((total, line) => total + Number(line[field] ?? 0), 0);
  await eventually(`${files.toString()} raw files are merged`, () => sum('rawFiles') >= files, HOURS_MS);
  return { records: sum('records'), commits: sum('commits') };
}

/** Reads the log through a reader of its own. */
async function read(system: SoakSystem): Promise<Figures> {
  const reader = await system.start('reader-api', { PORT: '0' });
  const { ports } = (await reader.app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${ports.http.toString()}${READ_PATH}`);
  if (response.status !== 200) throw new Error(`reading: ${response.status.toString()} ${await response.text()}`);
  let bytes = 0;
  for await (const chunk of response.body ?? []) bytes += (chunk as Uint8Array).length;
  const { rssMb, stallMs, stallCpuMs, sockets } = reader.watch.peaks();
  reader.app.kill('SIGTERM');
  return {
    bytes,
    seconds: (performance.now() - startedAt) / 1_000,
    'peak RSS, MB': rssMb,
    'longest stall, ms': stallMs,
    'most CPU in one turn, ms': stallCpuMs,
    sockets,
  };
}

const metricsOf = async ({ app }: WatchedApp): Promise<string> => (await fetch(`${app.opsUrl}/metrics`)).text();

function sample(metrics: string, name: string, label: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

export function note(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}
