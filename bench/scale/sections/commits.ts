import { CommitLostError, MetadataStore } from '@cordwood/log-store';
import { applyFence } from '@cordwood/pod-metadata';
import { MemoryObjectStore } from '@cordwood/testkit';
import { CORPUS_START } from '../../corpus.ts';
import { LatencyModel } from '../model/latency.ts';
import { VirtualTime } from '../model/virtual-time.ts';
import { ModelledStore } from '../store/modelled-store.ts';
import type { SimulationOptions } from './lives.ts';

export interface Commits {
  readonly committers: number;
  readonly commitsPerSecond: number;
  /** Share of all commits that came too late. */
  readonly lost: number;
}

const MINUTE = 60_000;
const POD = 'job-contended';

/** So many processes commit the metadata of one pod as often as they can, for a minute. */
export async function simulateCommits(committers: readonly number[], options: SimulationOptions): Promise<Commits[]> {
  const time = new VirtualTime(CORPUS_START);
  time.driveProcess();
  const results: Commits[] = [];
  for (const count of committers) {
    const inner = new MemoryObjectStore(time.now);
    const end = time.now + MINUTE;
    let made = 0;
    let lost = 0;
    const commit = async (number: number): Promise<void> => {
      const latency = new LatencyModel(options.latency, options.seed + number);
      const metadata = new MetadataStore(new ModelledStore({ inner, time, latency }));
      while (time.now < end) {
        const before = await metadata.read(POD);
        try {
          await metadata.commit(POD, before, applyFence(before.metadata, { commitId: `${number} ${made + lost}` }));
          made++;
        } catch (error) {
          if (!(error instanceof CommitLostError)) throw error;
          lost++;
        }
      }
    };
    await Promise.all(Array.from({ length: count }, (_, number) => commit(number)));
    results.push({ committers: count, commitsPerSecond: made / (MINUTE / 1e3), lost: lost / (made + lost) });
  }
  return results;
}
