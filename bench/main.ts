import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { parseRawKey } from '@cordwood/s3-key-format';
import { bundle } from '../tools/lib/bundle.ts';
import { corpus, type CorpusOptions, type RawObject } from './corpus.ts';
import { type BenchS3, emptyBucket, openS3, upload } from './s3.ts';
import type { Task, TaskResult } from './task.ts';

/**
 * `npm run bench -- [--endpoint URL] [--only TEXT] [--json FILE]`: the figures of docs/performance.md. The floor (gzip over the same
 * bytes) is measured in the same run: machines differ, ratios less so.
 */
const { values } = parseArgs({
  options: { endpoint: { type: 'string' }, only: { type: 'string', default: '' }, json: { type: 'string' } },
});

interface Row {
  readonly work: string;
  /** MB of raw log per CPU-second. */
  readonly rate?: number;
  /** What the Python reference reached on a machine of this kind, in the same unit. */
  readonly reference?: number;
  readonly result?: TaskResult;
  readonly requestsPerPod?: number;
  readonly note?: string;
}

const MB = 1e6;
/** MB per CPU-second of `gzip level 6 alone` on the machine, and with the Node, that the reference's figures were measured with. */
const REFERENCE_FLOOR = 104;
const ONE_POD: CorpusOptions = { pods: 1, filesPerPod: 60, fileBytes: 1e6 };
const MANY_PODS: CorpusOptions = { pods: 200, filesPerPod: 10, fileBytes: 50_000 };
const rows: Row[] = [];
/** As in the images: one file, no TypeScript to strip at start, the same flag for node. */
const WORKER = 'dist/bench/worker.js';

async function run(s3: BenchS3, task: Task): Promise<TaskResult> {
  const child = spawn(process.execPath, ['--max-semi-space-size=4', WORKER, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...s3.env },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`${task.kind} failed`);
  return JSON.parse(output) as TaskResult;
}

const podsOf = (objects: readonly RawObject[]): string[] => [
  ...new Set(
    objects.flatMap(({ key }) => {
      const parsed = parseRawKey(key);
      return parsed.ok ? [parsed.key.pod] : [];
    }),
  ),
];
const total = (requests: Readonly<Record<string, number>>): number =>
  Object.values(requests).reduce((sum, n) => sum + n, 0);

function add(row: Row): void {
  rows.push(row);
  process.stderr.write(`${row.work}: ${row.rate?.toFixed(1) ?? ''} ${row.note ?? ''}\n`);
}

/** Merges, cleans and reads a corpus, and adds a row for each. `rawBytes`: of the raw log before compression. */
async function cycle(
  s3: BenchS3,
  name: string,
  options: CorpusOptions,
  reference: { merge: number; readRaw?: number; readMerged?: number },
): Promise<void> {
  const objects = [...corpus(options)];
  const plain = options.gzip === true ? [...corpus({ ...options, gzip: false })] : objects;
  const rawBytes = plain.reduce((sum, { body }) => sum + body.length, 0);
  const pods = podsOf(objects);
  await emptyBucket(s3);
  await upload(s3, objects);
  const rate = (result: TaskResult): number => rawBytes / MB / result.cpuSeconds;

  if (reference.readRaw !== undefined) {
    const result = await run(s3, { kind: 'read', pods, concurrency: 1 });
    add({ work: `read raw, ${name}`, rate: rate(result), reference: reference.readRaw, result });
  }
  const merged = await run(s3, { kind: 'merge', pods, concurrency: 2 });
  const gzipped = plain.reduce((sum, { body }) => sum + gzipSync(body).length, 0);
  add({
    work: `merge, ${name}`,
    rate: rate(merged),
    reference: reference.merge,
    result: merged,
    requestsPerPod: total(merged.requests) / pods.length,
    note: `stored ${(merged.outputBytes / MB).toFixed(1)} MB, raw gzip -6 ${(gzipped / MB).toFixed(1)} MB`,
  });
  if (reference.readMerged !== undefined) {
    const result = await run(s3, { kind: 'read', pods, concurrency: 1 });
    add({ work: `read merged, ${name}`, rate: rate(result), reference: reference.readMerged, result });
  }
  const cleaned = await run(s3, { kind: 'clean', pods, concurrency: 2 });
  add({ work: `clean, ${name}`, result: cleaned, requestsPerPod: total(cleaned.requests) / pods.length });
}

/** The same hour, merged in ten runs. */
async function inTenRuns(s3: BenchS3): Promise<void> {
  const objects = [...corpus(ONE_POD)];
  const rawBytes = objects.reduce((sum, { body }) => sum + body.length, 0);
  await emptyBucket(s3);
  let cpuSeconds = 0;
  let last: TaskResult | undefined;
  for (let from = 0; from < objects.length; from += 6) {
    await upload(s3, objects.slice(from, from + 6));
    last = await run(s3, { kind: 'merge', pods: podsOf(objects), concurrency: 1 });
    cpuSeconds += last.cpuSeconds;
  }
  add({
    work: 'merge, one pod, the same hour in ten runs',
    rate: rawBytes / MB / cpuSeconds,
    reference: 6.7,
    ...(last !== undefined && { result: last }),
  });
}

const floorOf = (level: number): string => `floor: gzip level ${level.toString()} alone`;

/** What plain tools take for the bytes of the big corpus, in one thread. */
function floor(): void {
  const bytes = Buffer.concat([...corpus(ONE_POD)].map(({ body }) => body));
  for (const level of [6, 5, 4, 1]) {
    const before = process.cpuUsage();
    const size = gzipSync(bytes, { level }).length;
    const cpu = process.cpuUsage(before);
    const rate = bytes.length / MB / ((cpu.user + cpu.system) / 1e6);
    add({ work: floorOf(level), rate, note: `${(size / MB).toFixed(1)} MB` });
  }
}

/** How many times the reference's speed a rate is, both taken as shares of the floor on their own machine. */
function timesReference(row: Row): string {
  const floorRate = rows.find(({ work }) => work === floorOf(6))?.rate;
  if (row.rate === undefined || row.reference === undefined || floorRate === undefined) return '';
  return `${(row.rate / floorRate / (row.reference / REFERENCE_FLOOR)).toFixed(1)} x`;
}

function table(): string {
  const cell = (value: number | undefined, digits = 1): string => (value === undefined ? '' : value.toFixed(digits));
  const line = (row: Row): string => {
    const { result } = row;
    const cells = [
      row.work,
      cell(row.rate),
      cell(row.reference),
      timesReference(row),
      cell(row.requestsPerPod),
      cell(result?.peakRssMb, 0),
      cell(result?.wallSeconds, 2),
      cell(result?.longestStallMs, 0),
      row.note ?? '',
    ];
    return `| ${cells.join(' | ')} |`;
  };
  return [
    '| work | MB/CPU-s | reference | times reference | requests/pod | peak RSS, MB | wall, s | longest stall, ms | |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows.map(line),
  ].join('\n');
}

await bundle('bench/worker.ts', WORKER);
const s3 = await openS3(values.endpoint);
try {
  const jobs: [string, () => Promise<void> | void][] = [
    ['floor', floor],
    [
      'plain',
      () => cycle(s3, 'one pod, 60 plain files of 1 MB', ONE_POD, { merge: 17.5, readRaw: 24.5, readMerged: 17.2 }),
    ],
    [
      'gzip',
      () => cycle(s3, 'one pod, 60 gzip files of 1 MB', { ...ONE_POD, gzip: true }, { merge: 14.1, readRaw: 20.3 }),
    ],
    ['runs', () => inTenRuns(s3)],
    ['pods', () => cycle(s3, '200 pods x 10 files of 50 KB', MANY_PODS, { merge: 9 })],
  ];
  for (const [name, job] of jobs) if (name === 'floor' || name.includes(values.only)) await job();
  await emptyBucket(s3);
} finally {
  s3.stop();
}
const machine = `${cpus().length.toString()} x ${cpus()[0]?.model ?? ''}, Node ${process.version}`;
process.stdout.write(`\n${machine}\n\n${table()}\n`);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ machine, rows }, null, 2));
