import { type Corpus, makeCorpus, ONE_POD } from '../corpora.ts';
import type { CorpusOptions } from '../corpus.ts';
import { besideFloor } from '../floor.ts';
import type { Measured } from '../process/meter.ts';
import type { Tables } from '../report/tables.ts';
import { emptyBucket, upload } from '../s3.ts';
import { MB, medianBy, several } from '../statistics.ts';
import type { System } from '../system.ts';
import { rateCells, type RateGoal } from '../verdict.ts';
import { processCells } from './process-cells.ts';
import { withReader } from './reader.ts';

/** A read of the whole log: by a new process, and by the same one again. */
interface Reads {
  readonly first: Measured;
  readonly warm: Measured;
  readonly textBytes: number;
}

/** The log of one pod, read raw or merged: by the library in a process without HTTP, and through reader-api, whose CPU time counts. */
export async function readOnePod(
  system: System,
  tables: Tables,
  work: string,
  corpusOptions: Partial<CorpusOptions> & { readonly merged?: boolean },
  goal: RateGoal,
): Promise<void> {
  const { merged = false, ...options } = corpusOptions;
  const corpus = makeCorpus({ ...ONE_POD, ...options });
  const { pods } = corpus;
  await emptyBucket(system.s3);
  await upload(system.s3, corpus.objects);
  if (merged) await system.withWorker((run) => run({ kind: 'merge', pods, concurrency: 1 }));

  const inProcess = await addRow(system, tables, `${work}, in process`, goal, corpus, () =>
    system.withWorker(async (run) => {
      const first = await run({ kind: 'read', pods });
      return { first, warm: await run({ kind: 'read', pods }), textBytes: first.textBytes };
    }),
  );
  const overHttp = await addRow(system, tables, `${work}, over HTTP`, goal, corpus, () =>
    withReader(system, async (client, app) => {
      const read = async (): Promise<Measured & { readonly bytes: number }> => {
        await app.measured();
        const { bytes } = await client.read(`${pods[0] ?? ''}/log`);
        return { ...(await app.measured()), bytes };
      };
      const first = await read();
      return { first, warm: await read(), textBytes: first.bytes };
    }),
  );
  if (inProcess !== overHttp) {
    throw new Error(`${work}: ${inProcess.toString()} bytes in process, ${overHttp.toString()} over HTTP`);
  }
}

/** Gives the bytes of text that were read. */
async function addRow(
  system: System,
  tables: Tables,
  work: string,
  goal: RateGoal,
  { rawBytes }: Corpus,
  read: () => Promise<Reads>,
): Promise<number> {
  const rounds = await several(system.repeat, async () => {
    const { floor, got } = await besideFloor(read);
    return { floor, ...got };
  });
  const { floor, first, warm, textBytes } = medianBy(rounds, (round) => round.first.cpuSeconds * round.floor);
  tables.add('read', {
    work,
    ...rateCells(rawBytes / MB / first.cpuSeconds, floor, goal),
    warmRate: rawBytes / MB / warm.cpuSeconds,
    wall: first.wallSeconds,
  });
  tables.add('processes', { work: `read: ${work}`, ...processCells(first) });
  return textBytes;
}
