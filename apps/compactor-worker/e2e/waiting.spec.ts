import { readdirSync, readlinkSync } from 'node:fs';
import { type AppProcess, eventually, putRaw, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let system: TestSystem;
beforeEach(async () => void (system = await startTestSystem()));
afterEach(() => system.close());

const CONCURRENCY = 2;
/** Of one job: raw files, and the look for files of lost metadata beside them. */
const PARALLEL_REQUESTS = 16 + 1;
/** Redis, metrics, and a listing of the scan. */
const OTHERS = 12;

function openSockets({ pid }: AppProcess): number {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).filter((fd) => {
    try {
      return readlinkSync(`${dir}/${fd}`).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
}

test('connections are bounded by the work at hand, not by the pods that wait', async () => {
  const PODS = 200;
  for (let pod = 0; pod < PODS; pod++)
    await putRaw(system.store, { pod: `waiting-${pod}`, index: pod, messages: ['one'] });
  for (let index = 0; index < 50; index++)
    await putRaw(system.store, { pod: 'waiting-many', index, messages: [`${index}`] });
  const compactor = await system.start('compactor-worker', {
    CONCURRENCY: String(CONCURRENCY),
    COMPACTION_INTERVAL: '1h',
  });
  let most = 0;
  const merged = () => compactor.lines.filter((line) => line['message'] === 'pod compacted').length;
  await eventually('all are merged', () => {
    most = Math.max(most, openSockets(compactor));
    return merged() >= PODS + 1;
  });
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(CONCURRENCY * PARALLEL_REQUESTS + OTHERS);
});
