import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
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

/** What makes pods: a Deployment, a DaemonSet, or a CronJob as if it were one. */
export interface Workload extends Manifest {
  readonly spec: {
    /** A CronJob has none: Kubernetes makes one for each of its Jobs. */
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: IPodTemplateSpec;
  };
}

/** What `kubectl apply -k` would send to the cluster. @throws Error where kustomize finds something wrong */
export function renderKustomization(kubectl: string, directory: string): Manifest[] {
  const { status, stdout, stderr } = spawnSync(kubectl, ['kustomize', resolve(ROOT, directory)], { encoding: 'utf8' });
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

const hasReplicas = (manifest: Manifest): manifest is Workload =>
  manifest.kind === 'Deployment' || manifest.kind === 'DaemonSet';

export const workloadsOf = (manifests: readonly Manifest[]): Workload[] =>
  manifests.flatMap((manifest) => {
    if (hasReplicas(manifest)) return [manifest];
    if (manifest.kind !== 'CronJob') return [];
    const { jobTemplate } = manifest['spec'] as { jobTemplate: Pick<Workload, 'spec'> };
    return [{ ...manifest, spec: { template: jobTemplate.spec.template } }];
  });

/** The workloads of Cordwood itself: those that are named so. */
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

/** The environment of the only container. Throws Error where a ConfigMap that it names, or what it wants of it, is missing. */
export function environmentOf(
  workload: Workload,
  manifests: readonly Manifest[],
): Record<string, string | typeof FROM_SECRET> {
  const maps = manifests.filter(
    (manifest): manifest is Manifest & IConfigMap =>
      manifest.kind === 'ConfigMap' && manifest.metadata.namespace === workload.metadata.namespace,
  );
  const mapNamed = (name: string | undefined): IConfigMap => {
    const map = maps.find(({ metadata }) => metadata.name === name);
    if (map === undefined) throw new Error(`${titleOf(workload)}: no ConfigMap ${String(name)}`);
    return map;
  };
  const valueIn = (map: IConfigMap, key: string): string => {
    const value = map.data?.[key];
    if (value === undefined) throw new Error(`${titleOf(workload)}: nothing in its ConfigMap is named ${key}`);
    return value;
  };
  const environment: Record<string, string | typeof FROM_SECRET> = {};
  const { envFrom = [], env = [] } = containerOf(workload);
  for (const { configMapRef } of envFrom) Object.assign(environment, mapNamed(configMapRef?.name).data);
  for (const { name, value, valueFrom } of env) {
    const { secretKeyRef, configMapKeyRef } = valueFrom ?? {};
    if (secretKeyRef !== undefined) environment[name] = FROM_SECRET;
    else if (configMapKeyRef === undefined) environment[name] = value ?? '';
    else environment[name] = valueIn(mapNamed(configMapKeyRef.name), configMapKeyRef.key);
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
