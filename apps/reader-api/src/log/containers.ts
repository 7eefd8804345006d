import type { Instant } from '@cordwood/log-record';
import { compareInstants } from '@cordwood/log-record';
import {
  type ContainerInstance,
  earliestOf,
  firstOrderOf,
  type ObjectStore,
  RawFile,
  type RawFileOptions,
  type RawObject,
} from '@cordwood/log-store';
import { ApiError } from '../errors/catalogue.ts';
import { mapParallel } from '../parallel.ts';

type Instances = readonly ContainerInstance<RawObject>[];

const PARALLEL_OPENS = 16;

/** What finding a log's first container needs: the beginnings of its raw files. */
export interface RawHeads {
  readonly store: ObjectStore;
  readonly options: Omit<RawFileOptions, 'signal' | 'keepUpTo'>;
}

/** Names of the containers, in the order in which they are listed. */
export const containersOf = (instances: Instances): string[] => [
  ...new Set(instances.map(({ container }) => container)),
];

export interface ContainerChoice {
  readonly job: string;
  /** What is archived of the job. */
  readonly instances: Instances;
  /** Containers of the job's pod as Kubernetes has it, the main ones first; none when it has none. */
  readonly ofPod: readonly string[];
  /** The request's. */
  readonly asked: string | undefined;
  readonly firstContainer: (instances: Instances) => Promise<string>;
}

/**
 * The container that is meant, with its instances: the one asked for (`*`: all), else the one named like the pod, else the first of the pod's
 * spec, else the one whose log begins first. Throws ApiError when there is none of that name.
 */
export async function inContainer({
  job,
  instances,
  ofPod,
  asked,
  firstContainer: firstOf,
}: ContainerChoice): Promise<{ readonly containers: readonly string[]; readonly instances: Instances }> {
  const archived = containersOf(instances);
  const names = [...new Set([...ofPod, ...archived])];
  if (asked === '*') return { containers: ofPod.length === 0 ? archived : names, instances };
  if (asked !== undefined && !names.includes(asked)) {
    const others = names.length > 0 ? `it has ${names.join(', ')}` : 'its log is empty';
    throw new ApiError('container_not_found', `the job ${job} has no container ${asked}; ${others}`);
  }
  if (names.length === 0) return { containers: [], instances };
  const container =
    asked ?? (names.includes(job) ? job : (ofPod[0] ?? (names.length === 1 ? names[0] : await firstOf(instances))));
  return {
    containers: [container ?? job],
    instances: instances.filter((instance) => instance.container === container),
  };
}

/** The container whose log begins first. It takes a request for each raw file that is not merged yet. */
export async function firstContainer(
  instances: Instances,
  { store, options }: RawHeads,
  signal: AbortSignal,
): Promise<string> {
  const firstOfRaw = async (object: RawObject): Promise<Instant | undefined> =>
    (await RawFile.open(store, object, { ...options, keepUpTo: 0, signal })).order;
  const begins = await mapParallel(
    instances.flatMap(({ container, containerId, merged, raw }) => [
      ...merged.map((file) => ({ container, containerId, first: () => Promise.resolve(firstOrderOf(file)) })),
      ...raw.map((object) => ({ container, containerId, first: () => firstOfRaw(object) })),
    ]),
    PARALLEL_OPENS,
    async ({ first, ...whose }) => ({ ...whose, first: await first() }),
  );
  const earliest = earliestOf(begins.map(({ first }) => first));
  const firsts = begins.filter(
    ({ first }) => earliest === undefined || (first !== undefined && compareInstants(first, earliest) === 0),
  );
  // The same order in which the reader takes instances that begin at the same time.
  return firsts.toSorted((a, b) => (a.containerId < b.containerId ? -1 : 1))[0]?.container ?? '';
}
