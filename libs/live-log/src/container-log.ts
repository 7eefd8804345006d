import type { Kube } from '@cordwood/kube';
import { compareInstants } from '@cordwood/log-record';
import { DamagedLogError, type MessageMark, type MessageOptions, PositionLostError } from '@cordwood/log-store';
import { lastBefore, safelyArchived } from './archived-part.ts';
import { CAUGHT_UP, type ContainerEvent } from './container-events.ts';
import { ContainerInstances, type ContainerInstancesOptions, type Found } from './container-instances.ts';
import { archived, isWanted, only } from './events.ts';
import { HandOver } from './hand-over.ts';
import { InstanceTail } from './instance-tail.ts';
import { type ArchivedInstance, lastKnownMs } from './pod-archive.ts';
import { justBefore } from './recent-messages.ts';
import type { InstancePlan, TailPlan } from './tail-plan.ts';

export interface ContainerLogOptions extends ContainerInstancesOptions {
  readonly kube: Kube;
  readonly pod: string;
}

/** All instances of one container, one after the other: from the archive, and from Kubernetes those that it still has. */
export class ContainerLog {
  private readonly options: ContainerLogOptions;
  private readonly instances: ContainerInstances;
  /** By instance: until when the archive is waited for, when nobody follows. The log is read once, also where it is read twice to count. */
  private readonly patience = new Map<string, number>();
  private first: Found | undefined;
  private plan: TailPlan | undefined;

  constructor(options: ContainerLogOptions) {
    this.options = options;
    this.instances = new ContainerInstances(options);
  }

  /** Leaves out all but the last messages of what there is now. Gives how many more there could have been. */
  async planTail(most: number): Promise<number> {
    const { filter } = this.options;
    const found = await this.instances.look();
    this.first = found;
    const instances = new Map<string, InstancePlan>();
    let left = most;
    for (const id of this.instances.liveOnes(found).toReversed()) {
      // The last one goes on, if nothing of what it has is wanted.
      if (left === 0 && !(this.options.follow && instances.size === 0)) {
        this.instances.settle(id);
        continue;
      }
      const { plan, count } = await this.planInstance(found, id, left);
      instances.set(id, plan);
      left -= count;
    }
    const older = this.instances.olderOnes(found);
    let count = 0;
    if (left > 0 && older.length > 0) {
      for await (const event of this.fromArchive(older, { ...filter, tail: left })) count += event.messages.length;
    }
    this.plan = { older: count, instances };
    return left - count;
  }

  async *events(): AsyncGenerator<ContainerEvent> {
    const { reading, follow, filter } = this.options;
    const { timing, options } = reading;
    let goneSince: number | undefined;
    for (let first = this.first ?? (await this.instances.look()); ; first = await this.instances.look()) {
      this.first = undefined;
      const before = this.instances.settled;
      const lookedAt = options.storeNow();
      // What takes long may have changed what there is.
      const found = yield* this.older(first);
      const { pod, status } = found;
      for (const id of this.instances.liveOnes(found)) yield* this.live(id, found);
      this.plan = undefined;
      if (!follow || this.options.only !== undefined || reading.isPast(filter.until, timing.statusInterval)) return;
      // While that was read, the container may have been started again.
      if (this.instances.settled > before && status !== undefined) continue;
      this.instances.settleSilent(lookedAt);
      if (pod?.finished === true && !this.instances.someAreSilent) return;
      if (pod === undefined) {
        goneSince ??= this.instances.podWasSeen ? options.storeNow() : Math.max(0, ...found.instances.map(lastKnownMs));
        if (options.storeNow() >= goneSince + timing.archiveWait) return;
      } else goneSince = undefined;
      yield CAUGHT_UP;
      await reading.sleep(timing.statusInterval);
    }
  }

  /** All that only the archive has. Gives what there is by then. */
  private async *older(first: Found): AsyncGenerator<ContainerEvent, Found> {
    const { reading, filter, follow } = this.options;
    let found = first;
    const older = this.instances.olderOnes(found);
    if (this.plan !== undefined) {
      if (this.plan.older > 0) yield* this.fromArchive(older, { ...filter, tail: this.plan.older });
    } else if (found.status === undefined && !follow) yield* this.fromArchive(older, filter);
    else {
      for (;;) {
        const [next] = this.instances.olderOnes(found);
        if (next !== undefined) yield* this.whole(next, found);
        else if (!this.instances.isMissing(found)) return found;
        else {
          yield CAUGHT_UP;
          await reading.sleep(reading.timing.lookInterval);
        }
        found = await this.instances.look();
      }
    }
    for (const { containerId } of older) this.instances.settle(containerId);
    return found;
  }

  /** All of an instance that is over; waits for its last file as long as that may take. */
  private async *whole(instance: ArchivedInstance, found: Found): AsyncGenerator<ContainerEvent> {
    const { reading, after, filter } = this.options;
    const { containerId } = instance;
    const place = after?.containerId === containerId ? after : undefined;
    const tail = new InstanceTail(reading, filter.since, place);
    for (let now: ArchivedInstance | undefined = instance; now !== undefined;) {
      const isLast = !this.instances.mayGrow(now, found);
      if (isLast || tail.hasChanged(now)) {
        for await (const batch of tail.moreOrLater(now, isLast)) {
          const event = only(archived(batch), (message) => isWanted(filter, message));
          if (event !== undefined) yield event;
        }
      }
      if (isLast) break;
      yield CAUGHT_UP;
      await reading.sleep(reading.timing.lookInterval);
      now = await reading.instance(now);
    }
    this.instances.settle(containerId);
  }

  private async *fromArchive(
    instances: readonly ArchivedInstance[],
    range: Omit<MessageOptions, 'signal'>,
  ): AsyncGenerator<ReturnType<typeof archived>> {
    const { reading } = this.options;
    if (instances.length === 0) return;
    try {
      for await (const batch of reading.archive.messages(instances, { ...range, signal: reading.signal })) {
        yield archived(batch);
      }
    } catch (error) {
      if (!(error instanceof DamagedLogError)) throw error;
      reading.lose(error);
    }
  }

  private async *live(id: string, { instances }: Found): AsyncGenerator<ContainerEvent> {
    const { filter, follow, after } = this.options;
    const plan = this.plan?.instances.get(id);
    const instance = instances.find(({ containerId }) => containerId === id);
    const mark = after?.containerId === id ? after : undefined;
    if (plan !== undefined && instance !== undefined && plan.archived > 0) {
      yield* this.fromArchive([instance], this.rangeOf(plan, mark));
    }
    let skip = plan?.skip ?? 0;
    // What was written since the messages were counted would be too many. It is read all the same: it ends soon, and tells how.
    let left = follow ? Infinity : (plan?.live ?? Infinity);
    const handOver = this.handOver(id, plan === undefined ? mark : plan.place, follow);
    for await (const event of handOver.events()) {
      const given =
        event.kind === 'messages'
          ? only(event, (message) => isWanted(filter, message) && --skip < 0 && --left >= 0)
          : event;
      if (given !== undefined) yield given;
    }
    // Of one that said nothing, the archive may know better.
    if (handOver.wasSilent) this.instances.settleAsSilent(id);
    else this.instances.settle(id);
  }

  private async planInstance(
    { instances }: Found,
    id: string,
    most: number,
  ): Promise<{ readonly plan: InstancePlan; readonly count: number }> {
    const { reading, filter, after } = this.options;
    const { since } = filter;
    const instance = instances.find(({ containerId }) => containerId === id);
    const mark = after?.containerId === id ? after : undefined;
    const safe = instance && safelyArchived(reading, instance);
    const before = safe && since && compareInstants(since, safe) > 0 ? since : safe;
    const isBeyond = mark !== undefined && before !== undefined && compareInstants(mark.time, before) >= 0;
    const place = instance && before && !isBeyond ? await lastBefore(reading, instance, before) : mark;
    let live = 0;
    for await (const event of this.handOver(id, place ?? mark, false).events()) {
      if (event.kind === 'messages') live += event.messages.filter((message) => isWanted(filter, message)).length;
    }
    const count = Math.min(live, most);
    const plan = { archived: 0, before, place: place ?? mark, skip: live - count, live: count };
    if (count === most || instance === undefined || place === undefined || isBeyond) return { plan, count };
    let archivedCount = 0;
    const range = this.rangeOf({ ...plan, archived: most - count }, mark);
    try {
      for await (const event of this.fromArchive([instance], range)) archivedCount += event.messages.length;
    } catch (error) {
      if (!(error instanceof PositionLostError)) throw error;
    }
    return { plan: { ...plan, archived: archivedCount }, count: count + archivedCount };
  }

  private rangeOf({ archived: tail, before }: InstancePlan, after: MessageMark | undefined): MessageOptions {
    const { filter } = this.options;
    const end = before && justBefore(before);
    const until = end && filter.until && compareInstants(filter.until, end) < 0 ? filter.until : end;
    return { ...filter, until, tail, after };
  }

  private handOver(containerId: string, place: MessageMark | undefined, follow: boolean): HandOver {
    const { reading, kube, pod, namespace, container, filter } = this.options;
    return new HandOver({
      reading,
      kube,
      pod,
      namespace,
      instance: { namespace, container, containerId },
      since: filter.since,
      until: filter.until,
      place,
      follow,
      giveUpAt: () => this.giveUpAt(containerId),
    });
  }

  private giveUpAt(containerId: string): number {
    const { reading, follow } = this.options;
    if (follow) return Infinity;
    const known = this.patience.get(containerId);
    if (known !== undefined) return known;
    const end = reading.clock.now() + reading.timing.waitOnce;
    this.patience.set(containerId, end);
    return end;
  }
}
