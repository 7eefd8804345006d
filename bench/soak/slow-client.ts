import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@cordwood/testkit';
import { fill, minutes } from './fill.ts';
import { note, type Figures } from './log.ts';
import type { SoakSystem } from './system.ts';

const POD = 'job-slow-client';
const OTHER = 'job-other';
const OTHER_FILES = 100;
const HOURS_MS = 3_600_000 * 5;
/** Bytes that the slow client takes a second. */
const SLOW_BYTES = 1024;
const WATCHED_MS = 60_000;
const READS = 5;

/**
 * One client reads a log of so many bytes at 1 KB/s: how far the reader's memory grows, and what it costs another client, who reads a
 * log of 100 MB before and meanwhile.
 */
export async function soakSlowClient(system: SoakSystem, bytes: number): Promise<Figures> {
  const files = Math.ceil(bytes / 1e6);
  await fill(system.store, minutes(POD, files, 1e6));
  await fill(system.store, minutes(OTHER, OTHER_FILES, 1e6));
  const compactor = await system.start('compactor-worker', { SCAN_INTERVAL: '5s' });
  await eventually('all is merged', () => mergedFiles(compactor.app.lines) >= files + OTHER_FILES, HOURS_MS);
  compactor.app.kill('SIGTERM');
  await compactor.app.ended;
  note('merged');

  const reader = await system.start('reader-api', { PORT: '0' });
  const { ports } = (await reader.app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  const readOther = async (): Promise<number> => {
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${ports.http.toString()}/api/v1/jobs/${OTHER}/log`);
    await response.body?.pipeTo(new WritableStream());
    return performance.now() - startedAt;
  };
  // The heap has reached its usual size only after some work.
  await several(readOther);
  const before = median(await several(readOther));
  const rssBefore = rssMb(reader.app.pid);

  const client = await slowClient(ports.http);
  let rssMeanwhile = 0;
  const until = performance.now() + WATCHED_MS;
  while (performance.now() < until) {
    await delay(250);
    rssMeanwhile = Math.max(rssMeanwhile, rssMb(reader.app.pid));
  }
  const grown = rssMeanwhile - rssBefore;
  const meanwhile = median(await several(readOther));
  const taken = client.stop();
  return {
    'log, MB': files,
    'reader: RSS before, MB': rssBefore,
    'reader: RSS grown by, MB, within a minute': grown,
    'slow client: bytes taken': taken,
    'other client: ms for 100 MB, alone': before,
    'other client: ms for 100 MB, beside the slow one': meanwhile,
  };
}

/** Asks for the log, and takes so little of it every second; `stop` gives how many bytes that were. @throws Error unless it is given the log */
async function slowClient(port: number): Promise<{ readonly stop: () => number }> {
  const host = '127.0.0.1';
  const socket = connect(port, host);
  await once(socket, 'connect');
  socket.write(`GET /api/v1/jobs/${POD}/log HTTP/1.1\r\nHost: ${host}:${port.toString()}\r\n\r\n`);
  // Whoever listens for this reads himself; nothing flows.
  await once(
    socket.on('readable', () => undefined),
    'readable',
  );
  const take = (): Buffer | null => socket.read(Math.min(SLOW_BYTES, socket.readableLength)) as Buffer | null;
  const beginning = take()?.toString('latin1') ?? '';
  if (!beginning.startsWith('HTTP/1.1 200 ')) throw new Error(`the slow client was answered: ${beginning}`);
  let taken = beginning.length;
  const taking = setInterval(() => (taken += take()?.length ?? 0), 1_000);
  const stop = (): number => {
    clearInterval(taking);
    socket.destroy();
    return taken;
  };
  return { stop };
}

const mergedFiles = (lines: readonly Readonly<Record<string, unknown>>[]): number =>
  lines
    .filter((line) => line['message'] === 'pod compacted')
    .reduce((total, line) => total + Number(line['rawFiles'] ?? 0), 0);

async function several(measure: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < READS; i++) times.push(await measure());
  return times;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid.toString()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
