import { makeCorpus } from '../../corpora.ts';
import type { CorpusOptions } from '../../corpus.ts';
import { emptyBucket, upload } from '../../s3.ts';
import { System } from '../../system.ts';

/** What merging a pod takes over HTTP, by a process that has merged before. */
export interface OverHttp {
  readonly cpuMs: number;
  readonly requests: number;
}

const CONCURRENCY = 2;

/** Merges pods of each kind with the S3 client, from an S3 endpoint on this machine. */
export async function mergeOverHttp(kinds: readonly CorpusOptions[]): Promise<OverHttp[]> {
  const system = await System.start({ endpoint: undefined, repeat: 1 });
  try {
    const results: OverHttp[] = [];
    for (const kind of kinds) {
      // The first half is for the code to be compiled.
      const { objects, pods } = makeCorpus({ ...kind, pods: 2 * kind.pods });
      await upload(system.s3, objects);
      const { cpuSeconds, requests } = await system.withWorker(async (run) => {
        await run({ kind: 'merge', pods: pods.slice(kind.pods), concurrency: CONCURRENCY });
        return run({ kind: 'merge', pods: pods.slice(0, kind.pods), concurrency: CONCURRENCY });
      });
      await emptyBucket(system.s3);
      const all = Object.values(requests).reduce((sum, count) => sum + count, 0);
      results.push({ cpuMs: (cpuSeconds * 1e3) / kind.pods, requests: all / kind.pods });
    }
    return results;
  } finally {
    await system.close();
  }
}
