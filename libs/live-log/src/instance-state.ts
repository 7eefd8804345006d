import type { KubeContainer, KubePod } from '@cordwood/kube';
import type { Instant } from '@cordwood/log-record';

/** Where Kubernetes has the log of a container instance. */
export type InstanceState =
  /** It runs: its log goes on. */
  | { readonly kind: 'running'; readonly startedAt: Instant | undefined }
  /** It is over, and its log still there: as that of the container, or of the container's previous instance. */
  | { readonly kind: 'ended'; readonly startedAt: Instant | undefined; readonly endedAt: Instant | undefined }
  | { readonly kind: 'previous'; readonly startedAt: Instant | undefined; readonly endedAt: Instant | undefined }
  /** Kubernetes does not have it any more. */
  | { readonly kind: 'lost'; readonly startedAt: undefined; readonly endedAt: undefined };

const LOST: InstanceState = { kind: 'lost', startedAt: undefined, endedAt: undefined };

export const containerOf = (pod: KubePod | undefined, name: string): KubeContainer | undefined =>
  pod?.containers.find((container) => container.name === name);

export function stateOf(container: KubeContainer | undefined, containerId: string): InstanceState {
  if (container === undefined) return LOST;
  const { state } = container;
  if (container.containerId === containerId) {
    if (state.phase === 'terminated') return { kind: 'ended', startedAt: state.startedAt, endedAt: state.finishedAt };
    return { kind: 'running', startedAt: state.phase === 'running' ? state.startedAt : undefined };
  }
  if (container.previousContainerId === containerId) {
    return { kind: 'previous', startedAt: container.previousStartedAt, endedAt: container.previousFinishedAt };
  }
  return LOST;
}
