import { compareInstants, type Instant, parseTime } from '@cordwood/log-record';
import { type ContainerInstance, earliestOf, firstOrderOf, type RawObject } from '@cordwood/log-store';
import { parseMinute } from '@cordwood/s3-key-format';
import type { ContainerState, ContainerStatus, Pod } from './pod.ts';

type Instance = ContainerInstance<RawObject>;

/** On every pod that is made up, so that they can be selected, or left out. */
export const ARCHIVED_LABELS = { 'cordwood.dev/archived': 'true' } as const;

/**
 * What is known of the pod itself. `gone`: Kubernetes says that there is none (any more). `unknown`: there is no Kubernetes to ask, so that it
 * may be running as well.
 */
export type Fate = 'gone' | 'unknown';

/** No exit code that any container can have: how it ended is not known, and 0 would claim success. */
const UNKNOWN_EXIT_CODE = -1;
const MESSAGES: Readonly<Record<Fate, string>> = {
  gone: 'The pod is gone: this is what its archived log tells of it. How it ended is not known.',
  unknown: 'Cordwood cannot ask Kubernetes: this is what the archived log tells of the pod, which may still be there.',
};

/** From the first record to the last, as far as is known without reading the log. */
interface Span {
  readonly first: Instant | undefined;
  readonly last: Instant | undefined;
}

/** A pod made up from its log: the instances of its containers in one namespace, at least one. */
export function archivedPod(namespace: string, instances: readonly Instance[], fate: Fate): Pod {
  const name = instances[0]?.pod ?? '';
  const containers = [...Map.groupBy(instances, ({ container }) => container)]
    .map(([container, ofContainer]) => ({
      name: container,
      instances: ofContainer.map((instance) => ({ instance, span: spanOf(instance) })).toSorted(compareBegins),
    }))
    .toSorted((a, b) => isFirst(name, a.name, b.name) || compareSpans(a.instances[0]?.span, b.instances[0]?.span));
  const begin = earliestOf(containers.map(({ instances: [first] }) => first?.span.first));
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      // No later than this: Kubernetes would say when it was created.
      ...(begin && { creationTimestamp: kubeTime(begin) }),
      labels: ARCHIVED_LABELS,
    },
    spec: { containers: containers.map((container) => ({ name: container.name })) },
    status: {
      phase: 'Unknown',
      ...(fate === 'gone' && { reason: 'Archived' }),
      message: MESSAGES[fate],
      ...(begin && { startTime: kubeTime(begin) }),
      containerStatuses: containers.map((container) => statusOf(container.name, container.instances, fate)),
    },
  };
}

interface Dated {
  readonly instance: Instance;
  readonly span: Span;
}

function statusOf(name: string, instances: readonly Dated[], fate: Fate): ContainerStatus {
  const [last, previous] = instances.toReversed();
  return {
    name,
    state: last !== undefined && fate === 'gone' ? ended(last) : {},
    lastState: previous === undefined ? {} : ended(previous, last?.span.first),
    ready: false,
    // As many as logged anything: Kubernetes may have counted more.
    restartCount: instances.length - 1,
    image: '',
    imageID: '',
    ...(last !== undefined && { containerID: idOf(last) }),
  };
}

/** `next`: when the container was started again, no later than which it had ended. */
function ended(dated: Dated, next?: Instant): ContainerState {
  const { first, last } = dated.span;
  const end = next !== undefined && last !== undefined && compareInstants(next, last) < 0 ? next : last;
  return {
    terminated: {
      exitCode: UNKNOWN_EXIT_CODE,
      reason: 'Archived',
      message: 'How it ended is not known. The times are those of its first and last record, as far as they are known.',
      ...(first && { startedAt: kubeTime(first) }),
      ...(end && { finishedAt: kubeTime(end) }),
      containerID: idOf(dated),
    },
  };
}

/** Names of log files do not tell the runtime, which stands before the id. */
const idOf = ({ instance }: Dated): string => `unknown://${instance.containerId}`;

/** The container that is meant where none is named: kubectl takes the first, and says so. */
const isFirst = (pod: string, a: string, b: string): number => Number(b === pod) - Number(a === pod);

function spanOf({ merged, raw }: Instance): Span {
  const minutes = raw.map(({ parsed }) => ({ seconds: parseMinute(parsed.date) ?? 0, nanos: 0 }));
  return {
    first: earliestOf([...merged.map(firstOrderOf), ...minutes]),
    // A raw file is uploaded soon after its last record.
    last: latestOf([
      ...merged.map(({ last_record_time }) => parseTime(last_record_time)),
      ...raw.map(({ lastModified }) => ({ seconds: Math.floor(lastModified / 1000), nanos: 0 })),
    ]),
  };
}

const latestOf = (instants: readonly (Instant | undefined)[]): Instant | undefined =>
  instants.reduce(
    (latest, instant) =>
      latest === undefined || (instant !== undefined && compareInstants(instant, latest) > 0) ? instant : latest,
    undefined,
  );

const compareSpans = (a: Span | undefined, b: Span | undefined): number =>
  a?.first === undefined || b?.first === undefined
    ? Number(a?.first === undefined) - Number(b?.first === undefined)
    : compareInstants(a.first, b.first);

const compareBegins = (a: Dated, b: Dated): number =>
  compareSpans(a.span, b.span) || (a.instance.containerId < b.instance.containerId ? -1 : 1);

/** Kubernetes has no fractions of seconds in its objects. */
const kubeTime = ({ seconds }: Instant): string => new Date(seconds * 1000).toISOString().replace('.000', '');
