import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { IObjectMeta } from '@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta';
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: IObjectMeta & { readonly name: string };
  readonly [field: string]: unknown;
}

/** A Deployment or DaemonSet. */
export interface Workload extends Manifest {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: IPodTemplateSpec;
  };
}

/** What `kubectl apply -k` would send to the cluster. @throws Error where kustomize finds something wrong */
export function renderKustomization(kubectl: string, directory: string): Manifest[] {
  const { status, stdout, stderr } = spawnSync(kubectl, ['kustomize', join(ROOT, directory)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kubectl kustomize ${directory} ended with ${String(status)}:\n${stderr}`);
  return parseAllDocuments(stdout).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** How messages call a manifest. */
export const titleOf = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

/** The first manifest of the kind whose name begins so (those of ConfigMaps end in a hash). @throws Error when there is none */
export function takeManifest(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name.startsWith(name));
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

export const workloadsOf = (manifests: readonly Manifest[]): Workload[] =>
  manifests.filter((manifest): manifest is Workload => manifest.kind === 'Deployment' || manifest.kind === 'DaemonSet');

/** The Deployments of Cordwood itself: those whose container is named as an app. */
export const appsOf = (manifests: readonly Manifest[], names: readonly string[]): Map<string, Workload> =>
  new Map(
    workloadsOf(manifests)
      .filter(({ metadata }) => metadata.namespace === 'cordwood' && names.includes(metadata.name))
      .map((workload) => [workload.metadata.name, workload]),
  );

/** The only container of a pod. */
export function containerOf(workload: Workload): IContainer {
  const [container, ...more] = workload.spec.template.spec?.containers ?? [];
  if (container === undefined || more.length > 0) throw new Error(`${titleOf(workload)} has not one container`);
  return container;
}

/** What stands for a value that a Secret holds. */
export const FROM_SECRET = Symbol('from a Secret');

/** The environment of the only container. Throws Error where a ConfigMap that it names is missing. */
export function environmentOf(
  workload: Workload,
  manifests: readonly Manifest[],
): Record<string, string | typeof FROM_SECRET> {
  const maps = manifests.filter(
    (manifest): manifest is Manifest & IConfigMap =>
      manifest.kind === 'ConfigMap' && manifest.metadata.namespace === workload.metadata.namespace,
  );
  const environment: Record<string, string | typeof FROM_SECRET> = {};
  const { envFrom = [], env = [] } = containerOf(workload);
  for (const { configMapRef } of envFrom) {
    const map = maps.find(({ metadata }) => metadata.name === configMapRef?.name);
    if (map === undefined) throw new Error(`${titleOf(workload)}: no ConfigMap ${String(configMapRef?.name)}`);
    Object.assign(environment, map.data);
  }
  for (const { name, value, valueFrom } of env) {
    environment[name] = valueFrom?.secretKeyRef === undefined ? (value ?? '') : FROM_SECRET;
  }
  return environment;
}

/** A value that a Secret has to hold for an app to start. */
export interface SecretKey {
  readonly namespace: string;
  readonly secret: string;
  readonly key: string;
}

/** Those of all workloads; what is optional is left out. */
export const neededSecretKeys = (manifests: readonly Manifest[]): SecretKey[] =>
  workloadsOf(manifests).flatMap((workload) =>
    (containerOf(workload).env ?? []).flatMap(({ valueFrom }) => {
      const { name = '', key = '', optional = false } = valueFrom?.secretKeyRef ?? {};
      return key === '' || optional ? [] : [{ namespace: workload.metadata.namespace ?? '', secret: name, key }];
    }),
  );
