import { scan, sweep } from '@cordwood/compaction';
import { MetadataStore } from '@cordwood/log-store';
import { metadataKey } from '@cordwood/s3-key-format';
import { MemoryObjectStore } from '@cordwood/testkit';
import { corpus, CORPUS_START } from '../../corpus.ts';
import { podOf } from '../../corpora.ts';
import { appOptions } from '../../process/app-options.ts';
import { LatencyModel } from '../model/latency.ts';
import { DAY } from '../model/job-class.ts';
import { VirtualTime } from '../model/virtual-time.ts';
import { ModelledStore } from '../store/modelled-store.ts';
import { allRequests } from '../store/usage.ts';
import type { SimulationOptions } from './lives.ts';

export interface Scan {
  readonly pods: number;
  readonly listMs: number;
  readonly requests: number;
  readonly seconds: number;
}

/** Scans of buckets with so many pods that have a raw file each, none of which is due, by how long a page of the listing takes. */
export async function simulateScans(
  pods: readonly number[],
  listMs: readonly number[],
  options: SimulationOptions,
): Promise<Scan[]> {
  const time = new VirtualTime(CORPUS_START);
  time.driveProcess();
  const inner = new MemoryObjectStore(CORPUS_START);
  const results: Scan[] = [];
  for (const count of pods.toSorted((a, b) => a - b)) {
    await addPods(inner, count);
    for (const ms of listMs) {
      const latency = new LatencyModel({ ...options.latency, listMs: ms }, options.seed);
      const store = new ModelledStore({ inner, time, latency });
      const start = time.now;
      const found = await scan({
        store,
        dueAmong: async () => Promise.resolve([]),
        room: async () => Promise.resolve('now'),
        enqueue: async () => Promise.reject(new Error('nothing was due')),
        reached: async () => Promise.resolve(),
        onStrayKey: (key) => {
          throw new Error(`stray ${key}`);
        },
      });
      if (found.pods !== count) throw new Error(`${found.pods} pods of ${count} were found`);
      const requests = allRequests(store.takeUsage());
      results.push({ pods: count, listMs: ms, requests, seconds: (time.now - start) / 1e3 });
    }
  }
  return results;
}

/** Pods up to `count`, each with a file in which there is next to nothing: a listing shows its key alone. */
async function addPods(inner: MemoryObjectStore, count: number): Promise<void> {
  const [known = { key: '' }] = corpus({ pods: 1, filesPerPod: 1, fileBytes: 1 });
  const name = podOf({ ...known, body: Buffer.alloc(0) });
  for (let pod = inner.objects.size; pod < count; pod++)
    await inner.put(known.key.replaceAll(name, `${name.slice(0, -1)}${pod}`), Buffer.from('{}\n'));
}

export interface Sweep {
  readonly pods: number;
  readonly requests: number;
  readonly seconds: number;
}

/** A sweep through pods that have not changed for days, while logs are deleted by age: the metadata of each is read. */
export async function simulateSweep(pods: number, metadata: string, options: SimulationOptions): Promise<Sweep> {
  const time = new VirtualTime(CORPUS_START);
  time.driveProcess();
  const inner = new MemoryObjectStore(CORPUS_START);
  for (let pod = 0; pod < pods; pod++) await inner.put(metadataKey(`job-${pod}`), Buffer.from(metadata));
  const { intervals } = options;
  time.now += intervals.orphanAge + 3 * intervals.sweep;
  const store = new ModelledStore({ inner, time, latency: new LatencyModel(options.latency, options.seed) });
  const start = time.now;
  const found = await sweep({
    ...appOptions(store),
    metadata: new MetadataStore(store),
    // Long enough for none to be due.
    retention: { rules: { byNamespace: [], otherwise: 365 * DAY }, tombstoneAge: intervals.tombstoneAge },
    cleanupDelay: intervals.cleanupDelay,
    orphanAge: intervals.orphanAge,
    interval: intervals.sweep,
    enqueue: async () => Promise.reject(new Error('a pod was due')),
    onUnreadable: (_pod, error) => {
      throw error;
    },
  });
  if (found.lookedAt !== pods) throw new Error(`${found.lookedAt} pods of ${pods} were looked at`);
  return { pods, requests: allRequests(store.takeUsage()), seconds: (time.now - start) / 1e3 };
}
