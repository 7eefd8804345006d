import { gunzipSync, gzipSync } from 'node:zlib';
import { makeCorpus, ONE_POD } from '../corpora.ts';
import { cpuRate, REFERENCE_FLOOR } from '../floor.ts';
import type { Tables } from '../report/tables.ts';
import { MB, median, several } from '../statistics.ts';
import type { System } from '../system.ts';

const LEVELS = [
  { level: 6, reference: REFERENCE_FLOOR },
  { level: 5, reference: 140 },
  { level: 4, reference: 172 },
  { level: 1, reference: 270 },
];
const REQUEST_ROWS = [
  { kind: 'get', work: 'AWS SDK: GET of 50 KB', reference: '0.7 to 0.8' },
  { kind: 'put', work: 'AWS SDK: PUT of 50 KB', reference: '0.7 to 0.8' },
  { kind: 'list', work: 'AWS SDK: LIST of 10 files', reference: undefined },
  // No floors, but what the apps need in place of the SDK's.
  { kind: 'store-get', work: 'object store: GET of 50 KB', reference: undefined },
  { kind: 'store-put', work: 'object store: PUT of 50 KB', reference: undefined },
  { kind: 'store-list', work: 'object store: LIST of 10 files', reference: undefined },
] as const;
const REQUESTS = { count: 500, bytes: 50_000 };
const FETCHED_BYTES = 10 * 1024 * 1024;
const FETCHES = 15;
/** Output in pieces of this: with Node's own 16 KiB it would be the putting together that is measured. */
const CHUNK = 1024 * 1024;
const FETCHED_KEY = 'data/job-of-the-bench/floor';

/** What plain tools take for the bytes of the one-pod corpus, in one thread, and the AWS SDK for its requests. */
export async function floors(system: System, tables: Tables): Promise<void> {
  const { texts } = makeCorpus(ONE_POD);
  const bytes = Buffer.concat(texts);
  const add = (work: string, reference: string | number, run: () => Uint8Array | undefined): void => {
    let result: Uint8Array | undefined;
    const rates = Array.from({ length: system.repeat }, () => cpuRate(bytes.length, () => (result = run())));
    const note = result && `${megabytes(result)} MB`;
    tables.add('floors', { work, value: median(rates), unit: 'MB/CPU-s', reference, note });
  };
  for (const { level, reference } of LEVELS) {
    add(`gzip level ${level.toString()}`, reference, () => gzipSync(bytes, { level }));
  }
  const zipped = texts.map((text) => gzipSync(text));
  add('gunzip, files of 1 MB', 600, () => unzipAll(zipped));
  add('JSON.parse per line', '260 to 380', () => parseLines(bytes));
  add('parse, stringify and gzip -6, naively', 57, () => naive(bytes));

  for (const { kind, work, reference } of REQUEST_ROWS) {
    const { cpuSeconds } = await system.withWorker((run) => run({ kind, ...REQUESTS }));
    const value = (cpuSeconds * 1e3) / REQUESTS.count;
    tables.add('floors', { work, value, unit: 'ms CPU', reference });
  }
  await fetchFloor(system, tables, bytes.subarray(0, FETCHED_BYTES));
}

/** One GET, whole, and gunzip: the least that an answer from the end of a log needs. */
async function fetchFloor({ s3 }: System, tables: Tables, text: Buffer): Promise<void> {
  const body = gzipSync(text, { level: 4 });
  await s3.store.put(FETCHED_KEY, body);
  const seconds = await several(FETCHES, async () => {
    const before = performance.now();
    gunzipSync(await (await s3.store.get(FETCHED_KEY)).bytes(), { chunkSize: CHUNK });
    return (performance.now() - before) / 1e3;
  });
  tables.add('floors', {
    work: 'one GET and gunzip of 10 MiB, median',
    value: median(seconds),
    unit: 's wall',
    reference: 0.03,
    note: `${megabytes(body)} MB stored`,
  });
}

function unzipAll(files: readonly Buffer[]): undefined {
  for (const file of files) gunzipSync(file, { chunkSize: CHUNK });
}

function parseLines(bytes: Buffer): undefined {
  for (const line of linesOf(bytes)) JSON.parse(line);
}

function naive(bytes: Buffer): Buffer {
  const out = linesOf(bytes).map((line) => {
    const { time, log, stream } = JSON.parse(line) as Readonly<Record<string, string>>;
    return `${JSON.stringify({ time, log, ...(stream !== 'stdout' && { stream }) })}\n`;
  });
  return gzipSync(out.join(''));
}

const linesOf = (bytes: Buffer): string[] => bytes.toString('utf8').trimEnd().split('\n');
const megabytes = ({ length }: Uint8Array): string => (length / MB).toFixed(1);
