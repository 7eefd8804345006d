import { LogReader } from '@cordwood/log-store';
import { appOptions } from '../../process/app-options.ts';
import { LivingPod, type LifeOptions, type PodLife } from '../life/pod-life.ts';
import type { Intervals, JobClass } from '../model/job-class.ts';
import { type LatencyOptions, LatencyModel } from '../model/latency.ts';
import { seededRandom } from '../model/random.ts';
import { VirtualTime } from '../model/virtual-time.ts';
import type { Usage } from '../store/usage.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly latency: LatencyOptions;
  readonly intervals: Intervals;
}

/** What a read asked of the store. */
export interface ReadCost {
  readonly usage: Usage;
  readonly firstByteMs: number;
  readonly wholeMs: number;
}

/** Pods of one kind, and reads of the logs of each when it was merged. */
export interface Lives {
  readonly lives: readonly PodLife[];
  readonly whole: readonly ReadCost[];
  readonly tail: readonly ReadCost[];
  /** Metadata of the last one when all was merged. */
  readonly metadata: string;
}

/** Messages that a read of a log's end asks for. */
const TAIL = 100;
/** Pods whose figures do not count: workers run for weeks, and their code is compiled. */
const WARM_UP = 20;
const WARM_UP_JOB: JobClass = { name: 'warm-up', title: '', minutes: [5, 5], bytesPerMinute: 20_000, pods: WARM_UP };

/** Lets pods of one kind live, one after the other. */
export async function simulateLives(job: JobClass, options: SimulationOptions): Promise<Lives> {
  const time = new VirtualTime(0);
  time.driveProcess();
  const common: LifeOptions = {
    time,
    latency: new LatencyModel(options.latency, options.seed),
    random: seededRandom(options.seed),
    intervals: options.intervals,
  };
  for (let pod = 0; pod < WARM_UP; pod++) {
    const warm = new LivingPod(WARM_UP_JOB, pod, common);
    await warm.settle();
    await readCost(warm, time);
  }
  const lives: PodLife[] = [];
  const whole: ReadCost[] = [];
  const tail: ReadCost[] = [];
  let metadata = '';
  for (let number = 0; number < job.pods; number++) {
    const pod = new LivingPod(job, number, common);
    await pod.settle();
    whole.push(await readCost(pod, time));
    tail.push(await readCost(pod, time, TAIL));
    metadata = Buffer.from(pod.bucket.objects.get(`metadata/${pod.name}.json`)?.bytes ?? []).toString();
    lives.push(await pod.end());
  }
  return { lives, whole, tail, metadata };
}

async function readCost(pod: LivingPod, time: VirtualTime, tail?: number): Promise<ReadCost> {
  const reader = new LogReader(appOptions(pod.store));
  pod.store.takeUsage();
  const start = time.now;
  let firstByteMs: number | undefined;
  const log = await reader.open(pod.name);
  for await (const { messages } of reader.messages(log.instances, { tail })) {
    if (messages.length > 0) firstByteMs ??= time.now - start;
  }
  return { usage: pod.store.takeUsage(), firstByteMs: firstByteMs ?? 0, wholeMs: time.now - start };
}
