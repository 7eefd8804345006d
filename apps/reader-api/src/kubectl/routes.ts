import type { Operation } from '../http/operation.ts';
import { discoveryRoutes } from './discovery.ts';
import { getPodLog, type GetPodLogOptions } from './get-log.ts';
import { PodList, type PodListOptions } from './pod-list.ts';
import { Pods, type PodsOptions } from './pods.ts';
import { podsRoutes } from './pods-routes.ts';

export type KubeRoutesOptions = PodsOptions & Omit<PodListOptions, 'pods'> & Omit<GetPodLogOptions, 'pods'>;

/** Enough of the Kubernetes API for an unmodified kubectl to read logs, of pods that are gone too. */
export function kubeRoutes(options: KubeRoutesOptions): readonly Operation[] {
  const pods = new Pods(options);
  return [
    ...discoveryRoutes(),
    ...podsRoutes({ pods, list: new PodList({ ...options, pods }) }),
    getPodLog({ ...options, pods }),
  ];
}
