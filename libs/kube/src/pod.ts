import { type Instant, parseTime } from '@cordwood/log-record';
import type { ContainerState, KubeContainer, KubePod } from './api.ts';

/** What is read of a pod in the API's JSON (the library's types are of objects that its own, slow, decoding makes, with Dates in them). */
export interface PodJson {
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string | null;
  };
  readonly spec?: {
    readonly containers?: readonly Named[];
    readonly initContainers?: readonly Named[];
    readonly ephemeralContainers?: readonly Named[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly ContainerStatusJson[];
    readonly initContainerStatuses?: readonly ContainerStatusJson[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatusJson[];
  };
}

interface Named {
  readonly name: string;
}

interface ContainerStatusJson extends Named {
  readonly containerID?: string;
  readonly restartCount?: number;
  readonly state?: ContainerStateJson;
  readonly lastState?: ContainerStateJson;
}

interface ContainerStateJson {
  readonly waiting?: { readonly reason?: string };
  readonly running?: { readonly startedAt?: string | null };
  readonly terminated?: {
    readonly containerID?: string;
    readonly startedAt?: string | null;
    readonly finishedAt?: string | null;
    readonly exitCode: number;
    readonly reason?: string;
  };
}

/** What of a pod matters for its logs. */
export function podOf(json: PodJson): KubePod {
  const { metadata, spec, status } = json;
  const phase = phaseOf(status?.phase);
  const containers = (
    kind: KubeContainer['kind'],
    specs: readonly Named[] | undefined,
    statuses: readonly ContainerStatusJson[] | undefined,
  ): KubeContainer[] =>
    (specs ?? []).map(({ name }) =>
      containerOf(
        name,
        kind,
        statuses?.find((each) => each.name === name),
      ),
    );
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    phase,
    deleting: typeof metadata?.deletionTimestamp === 'string',
    containers: [
      ...containers('main', spec?.containers, status?.containerStatuses),
      ...containers('init', spec?.initContainers, status?.initContainerStatuses),
      ...containers('ephemeral', spec?.ephemeralContainers, status?.ephemeralContainerStatuses),
    ],
    finished: phase === 'Succeeded' || phase === 'Failed',
  };
}

const PHASES = ['Pending', 'Running', 'Succeeded', 'Failed'] as const;

const phaseOf = (phase: string | undefined): KubePod['phase'] => PHASES.find((each) => each === phase) ?? 'Unknown';

function containerOf(
  name: string,
  kind: KubeContainer['kind'],
  status: ContainerStatusJson | undefined,
): KubeContainer {
  const state = stateOf(status?.state);
  const previous = status?.lastState?.terminated;
  // While a container waits to be started again, the status still holds the id of the one before, which is the previous one by then.
  const current = idOf(status?.containerID);
  const previousContainerId = idOf(previous?.containerID);
  return {
    name,
    kind,
    containerId: state.phase === 'waiting' && current === previousContainerId ? undefined : current,
    state,
    previousContainerId,
    previousStartedAt: instantOf(previous?.startedAt),
    previousFinishedAt: instantOf(previous?.finishedAt),
    restartCount: status?.restartCount ?? 0,
  };
}

function stateOf(state: ContainerStateJson | undefined): ContainerState {
  const running = state?.running;
  const terminated = state?.terminated;
  if (running) return { phase: 'running', startedAt: instantOf(running.startedAt) };
  if (terminated) {
    return {
      phase: 'terminated',
      startedAt: instantOf(terminated.startedAt),
      finishedAt: instantOf(terminated.finishedAt),
      exitCode: terminated.exitCode,
      reason: terminated.reason,
    };
  }
  return { phase: 'waiting', reason: state?.waiting?.reason };
}

/** Statuses have the runtime before the id (`containerd://`, `docker://`, `cri-o://`); the names of log files do not. */
function idOf(id: string | undefined): string | undefined {
  const bare = id?.replace(/^[^:/]*:\/\//, '');
  return bare === '' ? undefined : bare;
}

const instantOf = (time: string | null | undefined): Instant | undefined =>
  typeof time === 'string' ? parseTime(time) : undefined;
