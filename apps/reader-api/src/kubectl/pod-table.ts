import type { ContainerState, ContainerStatus, Pod } from './pod.ts';

/** What stands beside a row: by default the metadata alone. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Columns as Kubernetes has them; those of priority 1 are shown by `-o wide`. */
const COLUMNS = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the pod.', priority: 0 },
  { name: 'Ready', type: 'string', format: '', description: 'Containers that are ready, of how many.', priority: 0 },
  { name: 'Status', type: 'string', format: '', description: 'What there is to say of its state.', priority: 0 },
  { name: 'Restarts', type: 'string', format: '', description: 'How often containers were restarted.', priority: 0 },
  { name: 'Age', type: 'string', format: '', description: 'How long ago it was created.', priority: 0 },
  { name: 'IP', type: 'string', format: '', description: 'Its address.', priority: 1 },
  { name: 'Node', type: 'string', format: '', description: 'The node it runs on.', priority: 1 },
  { name: 'Nominated Node', type: 'string', format: '', description: 'The node it is to run on.', priority: 1 },
  {
    name: 'Readiness Gates',
    type: 'string',
    format: '',
    description: 'Gates that are open, of how many.',
    priority: 1,
  },
];

export interface TableOptions {
  readonly metadata: Readonly<Record<string, string>>;
  readonly include: IncludeObject;
  /** ms since 1970. */
  readonly now: number;
}

/** Pods as the table that kubectl prints: it is servers that make them. */
export const podTable = (pods: readonly Pod[], { metadata, include, now }: TableOptions) => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  columnDefinitions: COLUMNS,
  rows: pods.map((pod) => ({
    cells: cellsOf(pod, now),
    ...(include !== 'None' && { object: objectOf(pod, include) }),
  })),
});

const objectOf = (pod: Pod, include: IncludeObject): object =>
  include === 'Object' ? pod : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: pod.metadata };

const NONE = '<none>';

function cellsOf(pod: Pod, now: number): string[] {
  const { metadata, spec, status } = pod;
  const gates = spec.readinessGates ?? [];
  const open = gates.filter(({ conditionType }) => hasCondition(pod, conditionType));
  const { ready, total } = readiness(pod);
  return [
    metadata.name,
    `${ready}/${total}`,
    statusOf(pod),
    restartsOf(pod, now),
    ageOf(metadata.creationTimestamp, now),
    status.podIP ?? NONE,
    spec.nodeName ?? NONE,
    status.nominatedNodeName ?? NONE,
    gates.length === 0 ? NONE : `${open.length}/${gates.length}`,
  ];
}

const hasCondition = ({ status }: Pod, type: string): boolean =>
  (status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

/** Init containers that go on running beside the main ones. */
const sidecarNames = ({ spec }: Pod): ReadonlySet<string> =>
  new Set((spec.initContainers ?? []).flatMap(({ name, restartPolicy }) => (restartPolicy === 'Always' ? name : [])));

function readiness(pod: Pod): { readonly ready: number; readonly total: number } {
  const sidecars = sidecarNames(pod);
  const mains = pod.status.containerStatuses ?? [];
  const beside = (pod.status.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  const ready = [...mains, ...beside].filter((each) => each.ready && each.state?.running !== undefined);
  return { ready: ready.length, total: pod.spec.containers.length + sidecars.size };
}

/** The word that says most of the pod's state, found as Kubernetes finds it. */
function statusOf(pod: Pod): string {
  const { metadata, status } = pod;
  const phase = status.reason ?? status.phase ?? 'Unknown';
  const isTerminal = status.phase === 'Succeeded' || status.phase === 'Failed';
  if (metadata.deletionTimestamp !== undefined && status.reason === 'NodeLost') return 'Unknown';
  if (metadata.deletionTimestamp !== undefined && !isTerminal) return 'Terminating';
  const initializing = initStatus(pod);
  if (initializing !== undefined && !hasCondition(pod, 'Initialized')) return initializing;
  const mains = status.containerStatuses ?? [];
  // The first container's word counts, of those that have one.
  const word =
    mains.map(({ state }) => wordOf(state)).find((each) => each !== undefined) ?? schedulingWord(pod) ?? phase;
  const isRunning = mains.some(({ ready, state }) => ready && state?.running !== undefined);
  if (word !== 'Completed' || !isRunning) return word;
  return hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}

const schedulingWord = ({ status }: Pod): string | undefined =>
  (status.conditions ?? []).some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')
    ? 'SchedulingGated'
    : undefined;

/** Of a container that does not run: why. */
function wordOf(state: ContainerState | undefined): string | undefined {
  const { waiting, terminated } = state ?? {};
  if (waiting?.reason) return waiting.reason;
  if (terminated === undefined) return undefined;
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

/** Undefined: all init containers have done their work. */
function initStatus(pod: Pod): string | undefined {
  const all = pod.spec.initContainers ?? [];
  const sidecars = sidecarNames(pod);
  const isDone = ({ name, state, started }: ContainerStatus): boolean =>
    state?.terminated?.exitCode === 0 || (sidecars.has(name) && started === true);
  const statuses = pod.status.initContainerStatuses ?? [];
  const at = statuses.findIndex((status) => !isDone(status));
  if (at < 0) return undefined;
  const word = wordOf(statuses[at]?.state);
  return word === undefined || word === 'PodInitializing' ? `Init:${at}/${all.length}` : `Init:${word}`;
}

function restartsOf({ status }: Pod, now: number): string {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const count = all.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const times = all.flatMap(({ restartCount, lastState }) =>
    restartCount === 0 ? [] : Date.parse(lastState?.terminated?.finishedAt ?? ''),
  );
  const last = Math.max(...times.filter((time) => !Number.isNaN(time)));
  return count === 0 || !Number.isFinite(last) ? String(count) : `${count} (${shortDuration(now - last)} ago)`;
}

function ageOf(created: string | null | undefined, now: number): string {
  const at = Date.parse(created ?? '');
  return Number.isNaN(at) ? '<unknown>' : shortDuration(now - at);
}

const [MINUTE, HOUR, DAY, YEAR] = [60, 3_600, 86_400, 365 * 86_400];

/** Two units at most, the smaller one only where it tells something, as kubectl prints ages. */
function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (big: number, unit: string, small: number, smallUnit: string): string => {
    const rest = Math.floor((seconds % big) / small);
    return `${Math.floor(seconds / big)}${unit}${rest === 0 ? '' : `${rest}${smallUnit}`}`;
  };
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return two(MINUTE, 'm', 1, 's');
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return two(HOUR, 'h', MINUTE, 'm');
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return two(DAY, 'd', HOUR, 'h');
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  return seconds < 8 * YEAR ? two(YEAR, 'y', DAY, 'd') : `${Math.floor(seconds / YEAR)}y`;
}
