import type { Kube } from '@cordwood/kube';
import { archiveNow } from './archive-log.ts';
import { type ContainerEvent } from './container-events.ts';
import { ContainerLog } from './container-log.ts';
import { containerOf } from './instance-state.ts';
import { interleave } from './interleave.ts';
import { type JobLogRequest, NoPreviousInstanceError } from './job-log.ts';
import type { LogEvent } from './log-events.ts';
import type { ArchivedInstance } from './pod-archive.ts';
import type { Reading } from './reading.ts';

export type LiveRequest = JobLogRequest & { readonly namespace: string };

/** The log of a pod that Kubernetes may still have. */
export async function* liveLog(reading: Reading, kube: Kube, request: LiveRequest): AsyncGenerator<LogEvent> {
  if (request.previous === true) yield* withLive(previousOnes(reading, kube, request));
  else {
    const logs = await containerLogs(reading, kube, request);
    yield* withLive(request.follow ? following(logs) : oneByOne(logs));
  }
}

/** One for each container of which something is wanted. */
async function containerLogs(reading: Reading, kube: Kube, request: LiveRequest): Promise<ContainerLog[]> {
  const { containers, after, since, until, wanted, follow, pod, namespace, tail } = request;
  const marked = after && (await containerOfMark(reading, request, after.containerId));
  // What stands before the mark was read before it.
  const names = marked === undefined || follow ? containers : containers.slice(containers.indexOf(marked));
  const logs = names.map((container) => {
    // The others were followed at the same time: they go on where the mark's container was.
    const from = follow && marked !== undefined && container !== marked ? (after?.time ?? since) : since;
    const filter = { since: from, until, wanted };
    return new ContainerLog({ reading, kube, pod, namespace, container, filter, after, follow });
  });
  if (tail !== undefined) await planTail(logs, tail);
  return logs;
}

async function containerOfMark(
  reading: Reading,
  { containers, namespace }: LiveRequest,
  containerId: string,
): Promise<string | undefined> {
  const pod = await reading.pod();
  const instances = await reading.instances({ namespace, containers });
  return containers.find((name) => {
    const status = containerOf(pod, name);
    return (
      status?.containerId === containerId ||
      status?.previousContainerId === containerId ||
      instances.some((instance) => instance.container === name && instance.containerId === containerId)
    );
  });
}

async function* oneByOne(logs: readonly ContainerLog[]): AsyncGenerator<ContainerEvent> {
  for (const log of logs) yield* log.events();
}

/** What there is, container after container, and then what comes. */
async function* following(logs: readonly ContainerLog[]): AsyncGenerator<ContainerEvent> {
  const events = logs.map((log) => log.events());
  const going: AsyncGenerator<ContainerEvent>[] = [];
  for (const each of events) {
    for (;;) {
      const next = await each.next();
      if (next.done === true) break;
      yield next.value;
      if (next.value.kind === 'caught up') {
        going.push(each);
        break;
      }
    }
  }
  yield* interleave(going);
}

/** Without the signs between the readers; and where the live part begins. */
async function* withLive(events: AsyncIterable<ContainerEvent>): AsyncGenerator<LogEvent> {
  let isLive = false;
  for await (const event of events) {
    if (!isLive && (event.kind === 'messages' || event.kind === 'caught up') && event.live) {
      isLive = true;
      yield { kind: 'live' };
    }
    if (event.kind !== 'caught up') yield event;
  }
}

/** A part of a log that can be told to give its last messages only. */
type Part = Pick<ContainerLog, 'planTail' | 'events'>;

async function* previousOnes(reading: Reading, kube: Kube, request: LiveRequest): AsyncGenerator<ContainerEvent> {
  const { containers, namespace, pod, since, until, wanted, after, tail } = request;
  const now = await reading.pod(reading.clock.now());
  const archived = await reading.instances({ namespace, containers }, reading.clock.now());
  const marked = after && (await containerOfMark(reading, request, after.containerId));
  // What stands before the mark was read before it.
  const names = marked === undefined ? containers : containers.slice(containers.indexOf(marked));
  const parts = names.map((container): Part => {
    const status = containerOf(now, container);
    if (status?.previousContainerId !== undefined) {
      const filter = { since, until, wanted };
      const only = status.previousContainerId;
      return new ContainerLog({ reading, kube, pod, namespace, container, filter, after, follow: false, only });
    }
    const instances = archived.filter((instance) => instance.container === container);
    const current = status?.containerId;
    // Of a pod that is gone, the last one was the current one.
    const previous =
      current === undefined
        ? instances.at(now === undefined ? -2 : -1)
        : instances.findLast(({ containerId }) => containerId !== current);
    if (previous === undefined) throw new NoPreviousInstanceError(pod, container);
    return archivedPart(reading, previous, request);
  });
  if (tail !== undefined) await planTail(parts, tail);
  for (const part of parts) yield* part.events();
}

/** An instance that only the archive has. */
function archivedPart(reading: Reading, instance: ArchivedInstance, request: LiveRequest): Part {
  let { tail } = request;
  const read = (): AsyncGenerator<LogEvent> =>
    archiveNow(reading, [instance], { ...request, containers: [instance.container], tail });
  return {
    planTail: async (most) => {
      tail = most;
      let count = 0;
      for await (const event of read()) if (event.kind === 'messages') count += event.messages.length;
      tail = count;
      return most - count;
    },
    events: read,
  };
}

/** Of all parts together the last messages. */
async function planTail(parts: readonly Part[], tail: number): Promise<void> {
  let left = tail;
  for (const part of parts.toReversed()) left = await part.planTail(left);
}
