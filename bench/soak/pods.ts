import { eventually } from '@cordwood/testkit';
import { fill, minutes, type RawFileShape } from './fill.ts';
import { note, type Figures } from './log.ts';
import type { SoakSystem } from './system.ts';

const FILES_PER_POD = 3;
const FILE_BYTES = 2_000;
const HOURS_MS = 3_600_000 * 5;

/** So many pods with a few small raw files each wait at once; one compactor merges them, and one cleaner cleans. */
export async function soakPods(system: SoakSystem, pods: number): Promise<Figures> {
  const stored = await fill(system.store, ofPods(pods));
  note(`${pods.toString()} pods, ${(stored / 1e6).toFixed(0)} MB`);
  const compactor = await system.start('compactor-worker');
  const startedAt = performance.now();
  const scan = await compactor.app.line('bucket scanned', (line) => Number(line['due']) > 0);
  await eventually(
    'all pods are merged',
    () => compactor.app.lines.filter((line) => line['message'] === 'pod compacted').length >= pods,
    HOURS_MS,
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const peaks = compactor.watch.peaks();
  return {
    pods,
    'raw files': pods * FILES_PER_POD,
    'first scan, ms': Number(scan['durationMs']),
    'pods found due': Number(scan['due']),
    'merging all, s': seconds,
    'pods per second': pods / seconds,
    'peak RSS, MB': peaks.rssMb,
    'sockets at most': peaks.sockets,
    'redis clients': peaks.redisClients,
    'redis memory, MB': peaks.redisMb,
    'longest stall, ms': peaks.stallMs,
    'most CPU in one turn, ms': peaks.stallCpuMs,
  };
}

function* ofPods(pods: number): Generator<RawFileShape> {
  for (let pod = 0; pod < pods; pod++) yield* minutes(`job-soak-${pod.toString()}`, FILES_PER_POD, FILE_BYTES);
}
