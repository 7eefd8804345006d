import { compareInstants, type Instant } from '@cordwood/log-record';
import { DamagedLogError, type MessageMark, StoreUnavailableError } from '@cordwood/log-store';
import { archived, isWanted, only } from './events.ts';
import { InstanceTail } from './instance-tail.ts';
import type { JobLogRequest } from './job-log.ts';
import type { LogEvent, LogMessages } from './log-events.ts';
import type { ArchivedInstance } from './pod-archive.ts';
import type { Reading } from './reading.ts';

/** What is to be read of the archive alone: `wanted` says all that is asked of a message, save its time. */
export type ArchiveRequest = Pick<
  JobLogRequest,
  'namespace' | 'containers' | 'since' | 'until' | 'after' | 'tail' | 'wanted'
>;

/** What the archive has now, container after container. */
export async function* archiveNow(
  reading: Reading,
  instances: readonly ArchivedInstance[],
  request: ArchiveRequest,
  unfinished = true,
): AsyncGenerator<LogEvent> {
  const { after } = request;
  const marked = after && instances.find((instance) => isOf(instance, after));
  let groups = request.containers.map((name) => instances.filter(({ container }) => container === name));
  // What stands before the mark was read before it, or is left out.
  if (marked !== undefined) groups = groups.slice(groups.findIndex((group) => group.includes(marked)));
  const tails = await tailsOf(reading, groups, request, unfinished);
  for (const [index, group] of groups.entries()) {
    const tail = tails?.[index];
    if (group.length === 0 || tail === 0) continue;
    yield* archiveOf(
      reading,
      group,
      { ...request, tail, after: marked && group.includes(marked) ? after : undefined },
      unfinished,
    );
  }
}

/** How many messages each of the groups has of those at the end of them all. */
async function tailsOf(
  reading: Reading,
  groups: readonly ArchivedInstance[][],
  request: ArchiveRequest,
  unfinished: boolean,
): Promise<number[] | undefined> {
  if (request.tail === undefined) return undefined;
  let left = request.tail;
  const tails = groups.map(() => 0);
  for (let index = groups.length - 1; index >= 0 && left > 0; index--) {
    const group = groups[index] ?? [];
    const isFirst = groups.slice(0, index).every(({ length }) => length === 0);
    tails[index] = left;
    if (isFirst) break;
    let count = 0;
    for await (const event of archiveOf(reading, group, { ...request, tail: left }, unfinished))
      count += event.messages.length;
    tails[index] = count;
    left -= count;
  }
  return tails;
}

async function* archiveOf(
  reading: Reading,
  instances: readonly ArchivedInstance[],
  request: Omit<ArchiveRequest, 'namespace' | 'containers'>,
  unfinished: boolean,
): AsyncGenerator<LogMessages> {
  const { since, until, after, tail, wanted } = request;
  const { archive } = reading.options;
  try {
    const range = { since, until, after, tail, wanted, unfinished, signal: reading.signal };
    for await (const batch of archive.messages(instances, range)) yield archived(batch);
  } catch (error) {
    // The other containers may be whole.
    if (!(error instanceof DamagedLogError)) throw error;
    reading.lose(error);
  }
}

/** An instance while the archive is followed. */
interface Followed {
  readonly tail: InstanceTail;
  /** A later one has taken its place, and its end was read. */
  over: boolean;
  /** What there was of one that is left out: only files that come later are read. */
  readonly leftOut?: ArchivedInstance;
}

/**
 * The archive, and what comes to it, until `until` has passed by the store's clock (and what was written by then has had time to come).
 * A line in parts is given when it is whole, or its container has been started again.
 */
export async function* followArchive(reading: Reading, request: ArchiveRequest): AsyncGenerator<LogEvent> {
  const { clock, timing } = reading;
  const followed = new Map<string, Followed>();
  const instances = await reading.instances(request);
  yield* beginning(reading, instances, request, followed);
  for (let pause = timing.lookInterval; ;) {
    const isLast = reading.isPast(request.until, timing.archiveWait);
    try {
      yield* whatCame(reading, await reading.instances(request), request, followed, isLast);
      pause = timing.lookInterval;
    } catch (error) {
      // Nobody notices a store that is away for a while, since nothing was to be expected at once.
      if (!(error instanceof StoreUnavailableError)) throw error;
      pause = Math.min(pause * 2, Math.max(timing.retryMost, timing.lookInterval));
    }
    if (isLast) return;
    await clock.sleep(pause, reading.signal);
  }
}

async function* beginning(
  reading: Reading,
  instances: readonly ArchivedInstance[],
  request: ArchiveRequest,
  followed: Map<string, Followed>,
): AsyncGenerator<LogEvent> {
  const { since, after } = request;
  const from = after === undefined ? 0 : instances.findIndex((instance) => isOf(instance, after));
  if (request.tail === undefined) {
    for (const instance of instances.slice(0, Math.max(0, from))) {
      const isSame = instance.container === instances[from]?.container;
      // What stands before the mark was read before it, or is left out. Other containers were followed at the same time: what they had
      // until then was given.
      followed.set(
        instance.containerId,
        isSame
          ? { tail: new InstanceTail(reading, since), over: true, leftOut: instance }
          : { tail: new InstanceTail(reading, laterOf(since, after?.time)), over: false },
      );
    }
    for (const instance of instances.slice(Math.max(0, from))) {
      const place = after !== undefined && isOf(instance, after) ? after : undefined;
      followed.set(instance.containerId, { tail: new InstanceTail(reading, since, place), over: false });
    }
    return;
  }
  const places = new Map<string, MessageMark>();
  // Where to go on also when nothing is wanted of what there is.
  for (const instance of instances) {
    for await (const batch of reading.options.archive.messages([instance], {
      tail: 1,
      unfinished: false,
      signal: reading.signal,
    })) {
      places.set(instance.containerId, batch.markOf(batch.messages.length - 1));
    }
  }
  yield* archiveNow(reading, instances, request, false);
  for (const instance of instances) {
    const place = places.get(instance.containerId);
    followed.set(instance.containerId, {
      tail: new InstanceTail(reading, since, place),
      over: isOver(instances, instance),
    });
  }
}

async function* whatCame(
  reading: Reading,
  instances: readonly ArchivedInstance[],
  request: ArchiveRequest,
  followed: Map<string, Followed>,
  isLast: boolean,
): AsyncGenerator<LogEvent> {
  for (const found of instances) {
    let state = followed.get(found.containerId);
    if (state === undefined) {
      state = { tail: new InstanceTail(reading, request.since), over: false };
      followed.set(found.containerId, state);
    }
    const { tail, leftOut } = state;
    const instance = leftOut === undefined ? found : newFilesOf(found, leftOut);
    if (instance === undefined) continue;
    const ends = isLast || isOver(instances, found);
    if (!tail.hasChanged(instance) && (state.over || !ends)) continue;
    for await (const batch of tail.moreOrLater(instance, ends && !state.over)) {
      const event = only(archived(batch), (message) => isWanted(request, message));
      if (event !== undefined) yield event;
    }
    state.over ||= ends;
  }
}

/** What has been uploaded since; undefined: nothing. Merged files hold what was uploaded long before. */
function newFilesOf(now: ArchivedInstance, before: ArchivedInstance): ArchivedInstance | undefined {
  const keys = new Set(before.raw.map(({ key }) => key));
  const raw = now.raw.filter(({ key }) => !keys.has(key));
  return raw.length === 0 ? undefined : { ...now, merged: [], raw };
}

const laterOf = (one: Instant | undefined, other: Instant | undefined): Instant | undefined =>
  one === undefined || (other !== undefined && compareInstants(other, one) > 0) ? other : one;

const isOf = (instance: ArchivedInstance, mark: MessageMark): boolean =>
  instance.containerId === mark.containerId && instance.namespace === mark.namespace;

/** Whether the container has been started again since. */
const isOver = (instances: readonly ArchivedInstance[], instance: ArchivedInstance): boolean =>
  instances.findLast(({ container }) => container === instance.container) !== instance;
