import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, fluentBitUpload, type KubeApiDouble, type PodDouble, startKubeApi } from '@cordwood/testkit';
import { type FollowedLog, followLog, FORMATS } from './follow.ts';
import { note, type Figures } from './log.ts';
import type { SoakSystem } from './system.ts';

const JOBS = 50;
const LINE_MS = 250;
const UPLOAD_MS = 4_000;
const SAMPLE_MS = 5_000;
/** How often these happen, to one job each time. */
const EVERY_MS = { restart: 900, rotation: 700, drop: 1_500 };
/** A kubelet looks every ten seconds for logs that have become too long: none is rotated right after its start. */
const FIRST_ROTATION_MS = 10_000;
const STATUS_LAG_MS = 300;
const LAST_LINES_MS = 4 * 60_000;

interface Job {
  readonly pod: PodDouble;
  written: number;
  /** Its uploads wait: the next one brings them late. */
  held: boolean;
}

/**
 * `clientCount` clients (text, NDJSON, events, WebSocket) follow 50 jobs for so many seconds, while containers restart, logs are rotated, connections to
 * Kubernetes break, uploads come late, and the workers merge and clean. Every client must get every line once, in order.
 */
export async function soakFollowers(system: SoakSystem, seconds: number, clientCount: number): Promise<Figures> {
  const kube = await startKubeApi({ statusLag: STATUS_LAG_MS });
  try {
    return await run(system, kube, seconds, clientCount);
  } finally {
    await kube.stop();
  }
}

async function run(system: SoakSystem, kube: KubeApiDouble, seconds: number, clientCount: number): Promise<Figures> {
  const short = { SCAN_INTERVAL: '2s', COMPACTION_INTERVAL: '10s', CLEANUP_DELAY: '5s', ORPHAN_AGE: '1h' };
  const compactor = await system.start('compactor-worker', short);
  await system.start('cleanup-worker', short);
  const reader = await system.start('reader-api', {
    PORT: '0',
    AUTH_MODE: 'none',
    KUBERNETES: 'kubeconfig',
    KUBECONFIG: await kube.kubeconfig(),
    MAX_STREAMS_PER_CLIENT: '1000',
    RATE_LIMIT: '100000',
  });
  const { ports } = (await reader.app.line('ready')) as unknown as { readonly ports: { readonly http: number } };

  const jobs = Array.from({ length: JOBS }, (_, index): Job => {
    const pod = kube.createPod({ name: `job-followed-${index.toString()}`, namespace: 'jobs' });
    return { pod, written: 0, held: false };
  });
  const clients = Array.from({ length: clientCount }, (_, index): FollowedLog => {
    const job = jobs[index % JOBS]?.pod.name ?? '';
    return followLog(ports.http, job, FORMATS[Math.floor(index / JOBS) % FORMATS.length] ?? 'text');
  });

  const counts = { restarts: 0, rotations: 0, drops: 0 };
  const any = (): PodDouble => {
    const job = jobs[Math.floor(Math.random() * jobs.length)];
    if (job === undefined) throw new Error('there is no job');
    return job.pod;
  };
  const rss: number[] = [];
  let index = 0;
  let uploading = Promise.resolve();
  const upload = async (): Promise<void> => {
    for (const job of jobs) {
      job.held = !job.held && Math.random() < 0.2;
      if (job.held) continue;
      for (const instance of job.pod.container().instances) {
        const lines = instance.collect();
        if (lines.length > 0) await fluentBitUpload(system.store, instance, lines, { index: index++ });
      }
    }
  };
  const timers = [
    setInterval(() => {
      for (const job of jobs) writeLine(job);
    }, LINE_MS),
    setInterval(() => {
      any().container().restart();
      counts.restarts++;
    }, EVERY_MS.restart),
    setInterval(() => {
      const container = any().container();
      if (Date.now() - container.current.startedAt.getTime() < FIRST_ROTATION_MS) return;
      container.rotate({ follow: Math.random() < 0.5 ? 'closes' : 'continues' });
      counts.rotations++;
    }, EVERY_MS.rotation),
    setInterval(() => {
      const { name } = any();
      kube.dropLogs(({ pod }) => pod === name);
      counts.drops++;
    }, EVERY_MS.drop),
    setInterval(() => {
      uploading = uploading.then(upload);
    }, UPLOAD_MS),
    setInterval(() => rss.push(rssMb(reader.app.pid)), SAMPLE_MS),
  ];
  await delay(seconds * 1_000);
  for (const timer of timers) clearInterval(timer);
  await uploading;
  for (const { pod } of jobs) pod.container().terminate(0);
  await upload();
  await upload();
  note('all jobs have ended');
  await eventually('every client has come to the end', () => clients.every(({ ended }) => ended), LAST_LINES_MS).catch(
    (error: unknown) => note(String(error)),
  );
  for (const client of clients) client.stop();

  const written = jobs.reduce((sum, job) => sum + job.written, 0);
  const faults = clients.flatMap((client, i) => client.faults(jobs[i % JOBS]?.written ?? 0));
  for (const fault of faults.slice(0, 20)) note(fault);
  const errors = reader.app.lines.filter(({ level, message }) => level === 'error' || message === 'request failed');
  for (const line of errors.slice(0, 10)) note(JSON.stringify(line));
  const quarter = Math.max(1, Math.floor(rss.length / 4));
  const merged = compactor.app.lines.filter((line) => line['message'] === 'pod compacted').length;
  return {
    'clients, jobs': `${clientCount.toString()}, ${JOBS.toString()}`,
    seconds,
    'lines written': written,
    'lines received': clients.reduce((sum, { received }) => sum + received, 0),
    'lines missing, twice, out of order, or clients broken': faults.length,
    ...counts,
    merges: merged,
    'reader: RSS, first quarter, MB': Math.max(...rss.slice(0, quarter)),
    'reader: RSS, second quarter, MB': Math.max(...rss.slice(quarter, 2 * quarter)),
    'reader: RSS, last quarter, MB': Math.max(...rss.slice(-quarter)),
    'reader: sockets at most': reader.watch.peaks().sockets,
    'reader: most CPU in one turn, ms': reader.watch.peaks().stallCpuMs,
    'requests to Kubernetes: logs': kube.count('log'),
    'requests to Kubernetes: pods': kube.count('pod') + kube.count('pods'),
  };
}

function writeLine(job: Job): void {
  const container = job.pod.container();
  if (container.running)
    container.write(
      `line ${(job.written++).toString()} of ${job.pod.name}, instance ${container.restartCount.toString()}`,
    );
}

function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid.toString()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
