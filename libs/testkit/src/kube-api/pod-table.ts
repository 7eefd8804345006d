import type { PodDouble } from './pod.ts';

const COLUMNS = [
  ['Name', 'string', 'name', 0],
  ['Ready', 'string', '', 0],
  ['Status', 'string', '', 0],
  ['Restarts', 'string', '', 0],
  ['Age', 'string', '', 0],
  ['IP', 'string', '', 1],
  ['Node', 'string', '', 1],
  ['Nominated Node', 'string', '', 1],
  ['Readiness Gates', 'string', '', 1],
] as const;

/** Pods as a table: what kubectl asks for, and prints. */
export function podTable(pods: readonly PodDouble[], now: Date, listMetadata: object): object {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: COLUMNS.map(([name, type, format, priority]) => ({
      name,
      type,
      format,
      description: '',
      priority,
    })),
    rows: pods.map((pod) => ({
      cells: cells(pod, now),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: pod.metadataJson },
    })),
  };
}

function cells(pod: PodDouble, now: Date): string[] {
  const { containers } = pod;
  const ready = `${containers.filter(({ running }) => running).length}/${containers.length}`;
  const restarts = containers.reduce((sum, each) => sum + each.restartCount, 0);
  const waiting = containers.find((each) => each.waitingReason !== undefined)?.waitingReason;
  const ended = { Succeeded: 'Completed', Failed: 'Error', Pending: 'Pending', Running: 'Running' }[pod.phase];
  const status = pod.deleting ? 'Terminating' : pod.scheduled ? (waiting ?? ended) : 'Pending';
  const age = `${Math.floor((now.getTime() - pod.createdAt.getTime()) / 1000)}s`;
  return [pod.name, ready, status, String(restarts), age, '192.0.2.2', 'node-1', '<none>', '<none>'];
}
