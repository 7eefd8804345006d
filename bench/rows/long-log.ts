import { MetadataStore } from '@cordwood/log-store';
import { podOf } from '../corpora.ts';
import { corpus, type RawObject } from '../corpus.ts';
import type { HttpReader } from '../http-read.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { MB, median, several } from '../statistics.ts';
import type { RunningApp, System } from '../system.ts';
import { yesNo } from '../verdict.ts';
import { processCells } from './process-cells.ts';
import { withReader } from './reader.ts';

const LOG = { pods: 1, filesPerPod: 300, fileBytes: 1e6 };
const BEFORE_END_MS = 5_000;
const WARM_UP = 5;
const TIMES = 15;

/** A merged log of 300 MB, asked for its end, its last lines and its first byte, through reader-api. */
export async function longLog(system: System, tables: Tables): Promise<void> {
  await emptyBucket(system.s3);
  let last: RawObject | undefined;
  await upload(
    system.s3,
    (function* () {
      for (const object of corpus(LOG)) yield (last = object);
    })(),
  );
  if (last === undefined) throw new Error('the corpus is empty');
  const pod = podOf(last);
  await system.withWorker((run) => run({ kind: 'merge', pods: [pod], concurrency: 1 }));
  const { metadata } = await new MetadataStore(system.s3.store).read(pod);
  const size = ((metadata.log_files.at(-1)?.size ?? 0) / MB).toFixed(1);
  const note = `last merged file: ${size} MB of records`;
  const since = new Date(timeOfLastRecord(last) - BEFORE_END_MS).toISOString();

  await withReader(system, async (client, app) => {
    const toLastByte = (query: string) => async () => (await client.read(`${pod}/log?${query}`)).seconds;
    const row = async (work: string, measure: () => Promise<number>, target: number, reference?: number) => {
      const { seconds, cpuMs } = await warmTimes(app, measure);
      const middle = median(seconds);
      tables.add('times', {
        work,
        seconds: middle,
        fastest: Math.min(...seconds),
        slowest: Math.max(...seconds),
        cpuMs,
        reference,
        target,
        met: yesNo(middle <= target),
        note,
      });
    };
    await row('`since` 5 s before the end of a merged log of 300 MB', toLastByte(`since=${since}`), 0.08, 0.46);
    await row('`tail=100` of the same', toLastByte('tail=100'), 0.08);
    await row('first byte of the same, whole', () => client.firstByte(`${pod}/log`), 0.03, 0.02);
  });
  await wholeLog(system, tables, pod);
}

/** Measures again and again; the first times do not count. CPU: of the app, for one of them. */
async function warmTimes(
  app: RunningApp,
  measure: () => Promise<number>,
): Promise<{ readonly seconds: readonly number[]; readonly cpuMs: number }> {
  await several(WARM_UP, measure);
  await app.measured();
  const seconds = await several(TIMES, measure);
  return { seconds, cpuMs: ((await app.measured()).cpuSeconds / TIMES) * 1e3 };
}

/** What a reader-api needs that sends all of it. */
async function wholeLog(system: System, tables: Tables, pod: string): Promise<void> {
  await withReader(system, async (client: HttpReader, app) => {
    await app.measured();
    await client.read(`${pod}/log`);
    tables.add('processes', { work: 'reader-api: a merged log of 300 MB', ...processCells(await app.measured()) });
  });
}

function timeOfLastRecord({ body }: RawObject): number {
  const line = body.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  return Date.parse((JSON.parse(line) as { readonly time: string }).time);
}
