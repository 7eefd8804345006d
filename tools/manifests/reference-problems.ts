import { containerOf, type Manifest, titleOf, workloadsOf } from './render.ts';

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: string[];
  }[];
}

/** Whether a selector takes what has these labels. @throws Error of operators other than In */
export function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels = {}): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`A selector with ${operator}`);
      return values.includes(labels[key] ?? '');
    })
  );
}

interface Specs {
  readonly selector?: unknown;
  readonly podSelector?: Selector;
  readonly ports?: readonly { readonly targetPort?: string; readonly name?: string }[];
  readonly scaleTargetRef?: { readonly name: string };
  readonly endpoints?: readonly { readonly port?: string }[];
  readonly podMetricsEndpoints?: readonly { readonly port?: string }[];
}

/** Where one manifest points to another that is not there, or does not have what it is asked for. */
export function referenceProblems(manifests: readonly Manifest[]): string[] {
  const workloads = workloadsOf(manifests);
  const services = manifests.filter(({ kind }) => kind === 'Service');
  const near = <M extends Manifest>(others: readonly M[], { metadata }: Manifest) =>
    others.filter((other) => other.metadata.namespace === metadata.namespace);
  const labelsOfPod = (workload: (typeof workloads)[number]) => workload.spec.template.metadata?.labels;
  const pods = (manifest: Manifest, selector: Selector) =>
    near(workloads, manifest).filter((workload) => selects(selector, labelsOfPod(workload)));

  const problemsOf = (manifest: Manifest): string[] => {
    const spec = (manifest['spec'] ?? {}) as Specs;
    switch (manifest.kind) {
      case 'Deployment':
      case 'DaemonSet':
        return selects(spec.selector as Selector, labelsOfPod(manifest as (typeof workloads)[number]))
          ? []
          : ['selects none of its own pods'];
      case 'Service': {
        const [workload, ...more] = pods(manifest, { matchLabels: spec.selector as Labels });
        if (workload === undefined || more.length > 0) return ['selects not the pods of one workload'];
        const ports = (containerOf(workload).ports ?? []).map(({ name }) => name);
        return (spec.ports ?? [])
          .filter(({ targetPort }) => !ports.includes(targetPort))
          .map(({ targetPort }) => `leads to a port that no container has: ${targetPort ?? ''}`);
      }
      case 'PodDisruptionBudget':
        return pods(manifest, spec.selector as Selector).length === 1 ? [] : ['selects not the pods of one workload'];
      case 'NetworkPolicy':
        return pods(manifest, spec.podSelector ?? {}).length > 0 ? [] : ['selects no pods'];
      case 'HorizontalPodAutoscaler':
      case 'ScaledObject':
        return near(workloads, manifest).some(({ metadata }) => metadata.name === spec.scaleTargetRef?.name)
          ? []
          : ['scales what is not there'];
      case 'ServiceMonitor': {
        const found = near(services, manifest).filter(({ metadata }) =>
          selects(spec.selector as Selector, metadata.labels as Labels),
        );
        const missing = (spec.endpoints ?? []).filter(({ port }) =>
          found.some((service) => !(service['spec'] as Specs).ports?.some(({ name }) => name === port)),
        );
        return [
          ...(found.length > 0 ? [] : ['selects no Service']),
          ...missing.map(({ port }) => `scrapes a port that a Service has not: ${port ?? ''}`),
        ];
      }
      case 'PodMonitor': {
        const found = pods(manifest, spec.selector as Selector);
        const ports = found.flatMap((workload) => containerOf(workload).ports ?? []).map(({ name }) => name);
        return [
          ...(found.length > 0 ? [] : ['selects no pods']),
          ...(spec.podMetricsEndpoints ?? [])
            .filter(({ port }) => found.length > 0 && !ports.includes(port))
            .map(({ port }) => `scrapes a port that no container has: ${port ?? ''}`),
        ];
      }
      default:
        return [];
    }
  };
  return [
    ...manifests.flatMap((manifest) => problemsOf(manifest).map((problem) => `${titleOf(manifest)} ${problem}`)),
    ...workloads.flatMap((workload) => {
      const { ports = [], startupProbe, livenessProbe, readinessProbe } = containerOf(workload);
      return [startupProbe, livenessProbe, readinessProbe]
        .map((probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port)
        .filter((port) => port !== undefined && !ports.some(({ name }) => name === port))
        .map((port) => `${titleOf(workload)} is probed on a port that it has not: ${String(port)}`);
    }),
    ...workloads.flatMap((workload) => {
      const maps = near(manifests, workload).filter(({ kind }) => kind === 'ConfigMap');
      return (workload.spec.template.spec?.volumes ?? [])
        .flatMap(({ configMap }) => configMap?.name ?? [])
        .filter((name) => !maps.some(({ metadata }) => metadata.name === name))
        .map((name) => `${titleOf(workload)} mounts a ConfigMap that is not there: ${name}`);
    }),
  ];
}
