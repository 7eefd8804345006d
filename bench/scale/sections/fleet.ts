import { Compactor } from '@cordwood/compaction';
import { MemoryObjectStore } from '@cordwood/testkit';
import { corpus, CORPUS_START } from '../../corpus.ts';
import { podOf } from '../../corpora.ts';
import { appOptions } from '../../process/app-options.ts';
import { LatencyModel } from '../model/latency.ts';
import { RequestLimits, type RateLimits } from '../model/request-limits.ts';
import { VirtualTime } from '../model/virtual-time.ts';
import { ModelledStore } from '../store/modelled-store.ts';
import { addUsage, allRequests, NO_USAGE } from '../store/usage.ts';
import type { SimulationOptions } from './lives.ts';

export interface FleetOptions extends SimulationOptions {
  readonly workers: number;
  /** CONCURRENCY of each. */
  readonly concurrency: number;
  readonly pods: number;
  /** Raw files of each pod, and bytes of each. */
  readonly filesPerPod: number;
  readonly fileBytes: number;
  readonly limits: RateLimits;
  /** Processor time of a worker for each of its requests: its share of the merging, and the S3 client's. */
  readonly cpuMsPerRequest: number;
}

/** What workers did with a backlog. */
export interface Fleet {
  readonly seconds: number;
  readonly podsPerSecond: number;
  readonly requestsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  /** Share of requests that had to wait because the bucket was busy. */
  readonly heldBack: number;
  readonly requestsPerPod: number;
  /** What merging a pod took of this process, without an S3 client. */
  readonly cpuMsPerPod: number;
}

/** A backlog is merged by workers in one bucket that has a single prefix' limits, as a new one does. */
export async function simulateFleet(options: FleetOptions): Promise<Fleet> {
  const { workers, concurrency, pods, filesPerPod, fileBytes, cpuMsPerRequest, seed } = options;
  const time = new VirtualTime(CORPUS_START);
  time.driveProcess();
  const limits = new RequestLimits(options.limits);
  const inner = new MemoryObjectStore(CORPUS_START);
  const names: string[] = [];
  for (const object of corpus({ pods, filesPerPod, fileBytes })) {
    await inner.put(object.key, object.body);
    if (names.at(-1) !== podOf(object)) names.push(podOf(object));
  }
  const cpuBefore = process.cpuUsage();
  const stores: ModelledStore[] = [];
  const lanes: Promise<void>[] = [];
  const rest = names[Symbol.iterator]();
  for (let worker = 0; worker < workers; worker++) {
    const latency = new LatencyModel(options.latency, seed + worker);
    const store = new ModelledStore({ inner, time, latency, limits, cpuMs: cpuMsPerRequest });
    stores.push(store);
    const compactor = new Compactor({
      ...appOptions(store),
      cleanupDelay: options.intervals.cleanupDelay,
      orphanAge: options.intervals.orphanAge,
    });
    const lane = async (): Promise<void> => {
      for (let next = rest.next(); next.done !== true; next = rest.next()) await compactor.compact(next.value);
    };
    for (let i = 0; i < concurrency; i++) lanes.push(lane());
  }
  await Promise.all(lanes);
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (time.now - CORPUS_START) / 1e3;
  const usage = stores.reduce((sum, store) => addUsage(sum, store.takeUsage()), NO_USAGE);
  const { LIST, GET, HEAD, PUT } = usage.requests;
  return {
    seconds,
    podsPerSecond: pods / seconds,
    requestsPerSecond: allRequests(usage) / seconds,
    writesPerSecond: PUT / seconds,
    readsPerSecond: (LIST + GET + HEAD) / seconds,
    heldBack: limits.delayed / allRequests(usage),
    requestsPerPod: allRequests(usage) / pods,
    cpuMsPerPod: (user + system) / 1e3 / pods,
  };
}
