import { parseDuration } from '@cordwood/service';
import { containerOf, environmentOf, type Manifest, titleOf, type Workload } from './render.ts';

/** How long a preStop command of `sleep N` takes, in seconds. */
function preStopSeconds(workload: Workload): number {
  const { preStop } = containerOf(workload).lifecycle ?? {};
  if (preStop === undefined) return 0;
  const [program, seconds] = preStop.exec?.command ?? [];
  if (program !== 'sleep' || !/^\d+$/.test(seconds ?? ''))
    throw new Error(`${titleOf(workload)}: what is its preStop?`);
  return Number(seconds);
}

/** Whether Kubernetes gives the process the time that it takes for itself. */
export function shutdownProblems(workload: Workload, manifests: readonly Manifest[]): string[] {
  const timeout = environmentOf(workload, manifests)['SHUTDOWN_TIMEOUT'];
  const needed = preStopSeconds(workload) + (parseDuration(String(timeout)) ?? Number.NaN) / 1_000;
  // Kubernetes' own default.
  const { terminationGracePeriodSeconds: grace = 30 } = workload.spec.template.spec ?? {};
  return grace > needed ? [] : [`${titleOf(workload)}: ${grace} s of grace for preStop and shutdown of ${needed} s`];
}

/** Whether each port of a container is one that its environment lets the app listen on. */
export function portProblems(workload: Workload, manifests: readonly Manifest[]): string[] {
  const environment = environmentOf(workload, manifests);
  const listening = { metrics: environment['METRICS_PORT'], http: environment['PORT'] };
  return (containerOf(workload).ports ?? [])
    .filter(({ name, containerPort }) => listening[name as keyof typeof listening] !== String(containerPort))
    .map(
      ({ name, containerPort }) => `${titleOf(workload)}: it does not listen on port ${containerPort} (${name ?? ''})`,
    );
}

/** What a pod is allowed beyond what it needs. */
export function securityProblems(workload: Workload): string[] {
  const pod = workload.spec.template.spec;
  const container = containerOf(workload);
  const kept: Readonly<Record<string, boolean>> = {
    'runs as root': pod?.securityContext?.runAsNonRoot === true && (pod.securityContext.runAsUser ?? 0) > 0,
    'has no seccomp profile': pod?.securityContext?.seccompProfile?.type === 'RuntimeDefault',
    'may gain privileges': container.securityContext?.allowPrivilegeEscalation === false,
    'may write to its root file system': container.securityContext?.readOnlyRootFilesystem === true,
    'has capabilities': container.securityContext?.capabilities?.drop?.includes('ALL') === true,
    'has all Services in its environment': pod?.enableServiceLinks === false,
    'has a token': pod?.automountServiceAccountToken === (workload.metadata.name === 'reader-api'),
    'shares a ServiceAccount': pod?.serviceAccountName === workload.metadata.name,
    'has no limit of memory': container.resources?.limits?.['memory'] !== undefined,
    'asks for no CPU and memory':
      container.resources?.requests?.['cpu'] !== undefined && container.resources.requests['memory'] !== undefined,
  };
  return Object.entries(kept)
    .filter(([, isKept]) => !isKept)
    .map(([problem]) => `${titleOf(workload)} ${problem}`);
}

/** Whether replicas would all be lost with one node. */
export const spreadProblems = (workload: Workload): string[] =>
  (workload.spec.template.spec?.topologySpreadConstraints ?? []).length > 0
    ? []
    : [`${titleOf(workload)} is not spread over nodes`];
