import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import type { IService } from 'kubernetes-models/v1/Service';
import { selects } from './reference-problems.ts';
import { environmentOf, type Manifest, titleOf, type Workload } from './render.ts';

/** A path of an ingress, and what it leads to. */
interface Route {
  readonly ingress: Manifest;
  readonly host: string;
  readonly path: string;
  readonly isTls: boolean;
  /** The Service, where the ingress leads to one by the name of a port that it has. */
  readonly service: (Manifest & IService) | undefined;
}

function routesOf(manifests: readonly Manifest[]): Route[] {
  const ingresses = manifests.filter(({ kind }) => kind === 'Ingress') as (Manifest & IIngress)[];
  const services = manifests.filter(({ kind }) => kind === 'Service') as (Manifest & IService)[];
  return ingresses.flatMap((ingress) =>
    (ingress.spec?.rules ?? []).flatMap(({ host = '', http }) =>
      (http?.paths ?? []).map(({ path = '/', backend }) => ({
        ingress,
        host,
        path,
        isTls: (ingress.spec?.tls ?? []).some(({ hosts }) => hosts?.includes(host)),
        service: services.find(
          ({ metadata, spec }) =>
            metadata.namespace === ingress.metadata.namespace &&
            metadata.name === backend.service?.name &&
            spec?.ports?.some(({ name }) => name === backend.service?.port?.name),
        ),
      })),
    ),
  );
}

const isBelow = (path: string, base: string) => `${path}/`.startsWith(base === '/' ? base : `${base}/`);

/** Whether a browser that goes to the URL comes out at the route. */
const leadsTo = ({ host, path, isTls }: Route, url: URL) =>
  url.host === host && isBelow(url.pathname, path) && url.protocol === (isTls ? 'https:' : 'http:');

/** Where what is reached from outside, and what reaches out to sign people in, does not fit. */
export function exposureProblems(apps: ReadonlyMap<string, Workload>, manifests: readonly Manifest[]): string[] {
  const routes = routesOf(manifests);
  const lost = routes
    .filter(({ service }) => service === undefined)
    .map(({ ingress }) => `${titleOf(ingress)} leads to no port of a Service`);
  const routesTo = (workload: Workload | undefined) =>
    routes.filter(({ service }) => workload && selectsPods(service?.spec?.selector, workload));
  const problems = [...apps].flatMap(([app, workload]) => {
    const environment = environmentOf(workload, manifests);
    const text = (name: string) => (typeof environment[name] === 'string' ? environment[name] : '');
    const own = routesTo(workload);
    const kept: Readonly<Record<string, boolean>> = {
      'is behind an ingress, but TRUST_PROXY is 0': own.length === 0 || Number(text('TRUST_PROXY')) > 0,
      'is behind an ingress and lets everybody in': own.length === 0 || !['', 'none'].includes(text('AUTH_MODE')),
      'no ingress leads to it from PUBLIC_URL': isAt(text('PUBLIC_URL'), own),
      'no ingress leads to the reader from READER_URL':
        routesTo(apps.get('reader-api')).length === 0 || isAt(text('READER_URL'), routesTo(apps.get('reader-api'))),
      'may not reach OIDC_ISSUER':
        text('AUTH_MODE') !== 'oidc' || mayReach(workload, new URL(text('OIDC_ISSUER')), manifests),
    };
    return Object.entries(kept)
      .filter(([, isKept]) => !isKept)
      .map(([problem]) => `${app}: ${problem}`);
  });
  return [...lost, ...problems];
}

const isAt = (url: string, routes: readonly Route[]) =>
  url === '' || routes.some((route) => leadsTo(route, new URL(url)));

const selectsPods = (labels: Readonly<Record<string, string>> | undefined, { spec }: Workload) =>
  labels !== undefined && selects({ matchLabels: labels }, spec.template.metadata?.labels);

/** Whether a network policy lets the pods out to any address by the port of the URL. */
function mayReach(workload: Workload, url: URL, manifests: readonly Manifest[]): boolean {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy') as (Manifest & INetworkPolicy)[];
  return policies
    .filter(({ metadata }) => metadata.namespace === workload.metadata.namespace)
    .filter(({ spec }) => selects(spec?.podSelector ?? {}, workload.spec.template.metadata?.labels))
    .flatMap(({ spec }) => spec?.egress ?? [])
    .some(({ to, ports }) => to === undefined && ports?.some((each) => each.port === port) !== false);
}
