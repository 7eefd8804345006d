import { type KubeContainer, type KubePod, KubeUnavailableError } from '@cordwood/kube';
import { compareInstants } from '@cordwood/log-record';
import type { MessageMark } from '@cordwood/log-store';
import type { Filter } from './events.ts';
import { containerOf } from './instance-state.ts';
import { TRIES } from './options.ts';
import { Pauses } from './pauses.ts';
import { type ArchivedInstance, lastKnownMs } from './pod-archive.ts';
import type { Reading } from './reading.ts';

/** Kubernetes waits longer and longer before it starts a container again: no more quick restarts fit into ARCHIVE_WAIT. */
const QUICK_RESTARTS = 5;

export interface ContainerInstancesOptions {
  readonly reading: Reading;
  readonly namespace: string;
  readonly container: string;
  readonly filter: Filter;
  readonly after: MessageMark | undefined;
  readonly follow: boolean;
  /** Only this instance of the container. */
  readonly only?: string | undefined;
}

/** What there is of the container, in the archive and in Kubernetes. */
export interface Found {
  readonly pod: KubePod | undefined;
  readonly status: KubeContainer | undefined;
  readonly instances: readonly ArchivedInstance[];
}

/** Which instances of a container there are, which of them are still to be given, and whether there may be more. */
export class ContainerInstances {
  private readonly options: ContainerInstancesOptions;
  /** Instances of which all was given, or nothing is wanted. */
  private readonly done = new Set<string>();
  /** Instances of which Kubernetes has nothing, and until when (ms since 1970) the archive may show that they were not silent. */
  private readonly silent = new Map<string, number>();
  private podSeen = false;

  constructor(options: ContainerInstancesOptions) {
    this.options = options;
  }

  /** Whether Kubernetes had the pod at any look. */
  get podWasSeen(): boolean {
    return this.podSeen;
  }

  /** How many are given, or need not be now. */
  get settled(): number {
    return this.done.size + this.silent.size;
  }

  /** Whether the archive may show something of one that Kubernetes has nothing of. */
  get someAreSilent(): boolean {
    return this.silent.size > 0;
  }

  /** Notes that all of it was given, or that nothing of it is wanted. */
  settle(containerId: string): void {
    this.done.add(containerId);
  }

  /** Notes that Kubernetes has nothing of it; the archive may know better. */
  settleAsSilent(containerId: string): void {
    const { reading } = this.options;
    this.silent.set(containerId, reading.options.storeNow() + reading.timing.archiveWait);
  }

  /** Gives up waiting for those whose time was over at a look. `lookedAt`: by the store's clock. */
  settleSilent(lookedAt: number): void {
    for (const [id, until] of this.silent) {
      if (lookedAt < until) continue;
      this.silent.delete(id);
      this.done.add(id);
    }
  }

  /** What there is now. Waits for Kubernetes when it is away, if there is time. */
  async look(): Promise<Found> {
    const { reading, follow } = this.options;
    const pauses = new Pauses(reading);
    for (;;) {
      try {
        const found = await this.lookOnce(pauses.failures === 0 ? undefined : reading.clock.now());
        this.leaveOut(found);
        return found;
      } catch (error) {
        if (!(error instanceof KubeUnavailableError) || (!follow && pauses.failures >= TRIES)) throw error;
        await pauses.afterFailure(error);
      }
    }
  }

  private async lookOnce(notBefore: number | undefined): Promise<Found> {
    const { reading, namespace, container } = this.options;
    let pod = await reading.pod(notBefore);
    const instances = await reading.instances({ namespace, containers: [container] });
    // An instance that began after a status was asked for is not an older one.
    if (this.olderOnes({ pod, status: containerOf(pod, container), instances }).length > 0) {
      pod = await reading.pod(reading.clock.now());
    }
    this.podSeen ||= pod !== undefined;
    return { pod, status: containerOf(pod, container), instances };
  }

  /** What stands before the mark is not wanted; nor what is another instance, when one is meant. */
  private leaveOut(found: Found): void {
    const { after, only: meant } = this.options;
    const all = [...this.olderOnes(found).map(({ containerId }) => containerId), ...this.liveOnes(found)];
    const marked = after === undefined ? -1 : all.indexOf(after.containerId);
    for (const [index, id] of all.entries()) if (index < marked || (meant ?? id) !== id) this.done.add(id);
  }

  /** The instances that Kubernetes still has, the older one first. */
  liveOnes({ status }: Found): string[] {
    return [status?.previousContainerId, status?.containerId].filter(
      (id) => id !== undefined && !this.done.has(id) && !this.silent.has(id),
    ) as string[];
  }

  /** The instances that only the archive has. */
  olderOnes({ status, instances }: Found): ArchivedInstance[] {
    return instances.filter(
      ({ containerId }) =>
        !this.done.has(containerId) &&
        (this.silent.has(containerId) ||
          (containerId !== status?.containerId && containerId !== status?.previousContainerId)),
    );
  }

  /** Whether its last file may still be on its way. */
  mayGrow(instance: ArchivedInstance, { status }: Found): boolean {
    const { reading } = this.options;
    // It ended before Kubernetes' last two began, which may be long after it last said something.
    if (this.isRecent(status)) return true;
    return lastKnownMs(instance) + reading.timing.archiveWait > reading.options.storeNow();
  }

  /** Whether what was written before Kubernetes' last two instances may still be on its way to the archive. */
  private isRecent(status: KubeContainer | undefined): boolean {
    const { reading } = this.options;
    return (
      status?.previousFinishedAt !== undefined &&
      status.restartCount <= QUICK_RESTARTS &&
      !reading.isPast(status.previousFinishedAt, reading.timing.archiveWait)
    );
  }

  /**
   * Whether an instance that came and went before Kubernetes' last two may still come to the archive. One that said nothing never does,
   * and old ones are deleted some day.
   */
  isMissing({ status, instances }: Found): boolean {
    const { after, only: meant, filter } = this.options;
    if (status?.previousFinishedAt === undefined || meant !== undefined || after !== undefined) return false;
    if (!this.isRecent(status)) return false;
    if (filter.since !== undefined && compareInstants(filter.since, status.previousFinishedAt) > 0) return false;
    const live = [status.containerId, status.previousContainerId];
    const known = new Set([...instances.map(({ containerId }) => containerId), ...this.done, ...this.silent.keys()]);
    for (const id of live) if (id !== undefined) known.delete(id);
    return known.size < status.restartCount - (status.containerId === undefined ? 0 : 1);
  }
}
