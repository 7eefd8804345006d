import { test } from '@jest/globals';
import { MemoryObjectStore } from '@cordwood/testkit';
import fc from 'fast-check';
import { history, play } from './model/history.ts';
import { World } from './model/world.ts';

/**
 * The whole system against a plain list of what was written: raw files in any order, late, twice, overwritten and damaged; compactors,
 * cleaners and readers in any interleaving of their requests, killed, frozen, and with answers that get lost. A failure prints seed,
 * path and what happened; `FC_SEED=… FC_PATH=… npm test -- compaction/src/model` plays it again. `FC_RUNS`: how many histories.
 */

const { FC_SEED, FC_PATH, FC_RUNS = '100' } = process.env;
/** For one history on a slow machine, by far. */
const TIMEOUT_PER_RUN = 5_000;

test(
  'any history: every read is exact, nothing is lost, nothing is twice, nothing is left over',
  async () => {
    await fc.assert(
      fc.asyncProperty(history, async (events) => {
        const world = new World(new MemoryObjectStore());
        try {
          await play(world, events);
        } catch (error) {
          throw new Error(`${(error as Error).message}\n${world.events.join('\n')}`, { cause: error });
        }
      }),
      {
        numRuns: Number(FC_RUNS),
        ...(FC_SEED !== undefined && { seed: Number(FC_SEED) }),
        ...(FC_PATH !== undefined && { path: FC_PATH }),
      },
    );
  },
  Number(FC_RUNS) * TIMEOUT_PER_RUN,
);
