import type { KubePod } from '@cordwood/kube';
import { type Instant, recordTime } from '@cordwood/log-record';
import { DamagedLogError, type InstanceName, NotFoundError, type PodLog } from '@cordwood/log-store';
import { type Clock, unlessAborted } from './clock.ts';
import type { JobLogOptions, Timing } from './options.ts';
import { type ArchivedInstance, inOrder, instancesOfContainers, knownFirst } from './pod-archive.ts';
import type { Looks } from './shared-looks.ts';

export interface ReadingOptions {
  readonly options: JobLogOptions;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Looks at the pod's archive, and at the pod: shared with all who read the same pod. */
  readonly archiveLooks: Looks<PodLog>;
  readonly podLooks: Looks<KubePod | undefined> | undefined;
}

/** What all parts of one read of a job's log have in common. */
export class Reading {
  readonly options: JobLogOptions;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  private readonly firsts = new Map<string, Instant>();
  /** By container id: when it was not there yet, as far as that was seen. */
  private readonly unseen = new Map<string, number | undefined>();
  private lastLook: number | undefined;
  private lost: DamagedLogError | undefined;
  private readonly looks: Pick<ReadingOptions, 'archiveLooks' | 'podLooks'>;

  constructor(options: ReadingOptions) {
    this.options = options.options;
    this.timing = options.timing;
    this.clock = options.clock;
    this.signal = options.signal;
    this.looks = options;
  }

  get archive(): JobLogOptions['archive'] {
    return this.options.archive;
  }

  /** Notes that records of merged files are lost: all that is left of the log comes first, and the error at its end. */
  lose(error: DamagedLogError): void {
    this.lost ??= error;
  }

  /** The first loss that was noted. */
  get loss(): DamagedLogError | undefined {
    return this.lost;
  }

  /** The archived instances of these containers, the ones that began earlier first. */
  async instances(
    { namespace, containers }: { readonly namespace: string | undefined; readonly containers: readonly string[] },
    notBefore?: number,
  ): Promise<ArchivedInstance[]> {
    const instances = instancesOfContainers(await this.look(notBefore), namespace, containers);
    for (const instance of instances) {
      // The first one of its container has nothing to be compared with.
      if (instances.some((other) => other !== instance && other.container === instance.container)) {
        await this.learnFirst(instance);
      }
    }
    return inOrder(instances, (instance) => knownFirst(instance) ?? this.firsts.get(instance.containerId));
  }

  /** The archived instance of this name. */
  async instance(
    { namespace, container, containerId }: InstanceName,
    notBefore?: number,
  ): Promise<ArchivedInstance | undefined> {
    const instances = instancesOfContainers(await this.look(notBefore), namespace, [container]);
    return instances.find((instance) => instance.containerId === containerId);
  }

  private async look(notBefore: number | undefined): Promise<PodLog> {
    return unlessAborted(this.looks.archiveLooks.get(notBefore), this.signal);
  }

  /** Instances that follow each other within a minute are told apart by their first messages only. */
  private async learnFirst(instance: ArchivedInstance): Promise<void> {
    if (this.firsts.has(instance.containerId) || knownFirst(instance) !== undefined) return;
    try {
      for await (const { messages } of this.archive.messages([instance], { signal: this.signal })) {
        const [first] = messages;
        if (first !== undefined) this.firsts.set(instance.containerId, recordTime(first));
        return;
      }
    } catch (error) {
      // It was deleted meanwhile; whoever reads it will find out. Damage is told at a log's end.
      if (!(error instanceof NotFoundError || error instanceof DamagedLogError)) throw error;
    }
  }

  /** Undefined: there is no such pod, or no Kubernetes. */
  async pod(notBefore?: number): Promise<KubePod | undefined> {
    const { podLooks } = this.looks;
    if (podLooks === undefined) return undefined;
    const asOf = notBefore ?? this.clock.now() - this.timing.statusAge;
    const pod = await unlessAborted(podLooks.get(notBefore), this.signal);
    for (const { containerId, previousContainerId } of pod?.containers ?? []) {
      for (const id of [containerId, previousContainerId]) {
        if (id !== undefined && !this.unseen.has(id)) this.unseen.set(id, this.lastLook);
      }
    }
    this.lastLook = Math.max(asOf, this.lastLook ?? asOf);
    return pod;
  }

  /** When the last look at the pod was that did not show this container instance, by the clock; undefined: it was there at the first one. */
  unseenAt({ containerId }: InstanceName): number | undefined {
    return this.unseen.get(containerId);
  }

  /** Whether this lies `ms` or more in the past, by the store's clock. */
  isPast(instant: Instant | undefined, ms = 0): boolean {
    return instant !== undefined && msOf(instant) + ms <= this.options.storeNow();
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms, this.signal);
  }
}

/** Ms since 1970, rounded up. */
export const msOf = ({ seconds, nanos }: Instant): number => seconds * 1000 + Math.ceil(nanos / 1e6);

export const instantOf = (ms: number): Instant => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6),
});
