import type { Kube } from '@cordwood/kube';
import { z } from 'zod';
import type { Caller } from '../access/caller.ts';
import type { Cursors } from '../jobs/cursor.ts';
import type { JobCatalogue } from '../jobs/job-catalogue.ts';
import { mapParallel } from '../parallel.ts';
import { ARCHIVED_LABELS } from './archived-pod.ts';
import { formatContinue, type LivePlace, type Place, parseContinue } from './continue.ts';
import { kubernetesError, parsed } from './kubernetes-answers.ts';
import { type Pod, podListSchema } from './pod.ts';
import { isNotFound, isRefusal, type Pods } from './pods.ts';
import { type FieldSelector, parseFieldSelector, parseLabelSelector, type Selector } from './selectors.ts';

export interface ListRequest {
  readonly caller: Caller;
  /** Undefined: all. */
  readonly namespace: string | undefined;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number | undefined;
  readonly cursor: string | undefined;
  readonly signal: AbortSignal;
}

export interface PodPage {
  readonly pods: readonly Pod[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
  readonly warnings: readonly string[];
}

export interface PodListOptions {
  readonly pods: Pods;
  readonly catalogue: Pick<JobCatalogue, 'page'>;
  readonly cursors: Cursors;
  readonly kube: Pick<Kube, 'get'> | undefined;
}

/** Archived pods that an answer looks at, whatever limit was asked for: each costs two requests to S3. */
const MAX_LOOKED_AT = 500;
const PARALLEL_LOOKS = 16;
/**
 * Live pods that Kubernetes is asked for at once, and that are looked at for an answer, where not all may be read: whatever limit was asked
 * for, else a page that ends early would tell of pods that the caller may not know of.
 */
const LIVE_PAGE = 500;
const MAX_LIVE_LOOKED_AT = 4 * LIVE_PAGE;
/** Pods that Kubernetes is asked for at once where only their names matter. */
const NAMES_PAGE = 2_000;

interface Listing extends ListRequest {
  readonly labels: Selector;
  readonly fields: FieldSelector;
  readonly warnings: Set<string>;
}

interface LivePage {
  readonly pods: readonly Pod[];
  readonly next: LivePlace | undefined;
}

/**
 * Pods by pages: first those that Kubernetes has, as it lists them, then those that are archived and gone, by name. A page may hold fewer
 * than were asked for, even none, and not be the last.
 */
export class PodList {
  readonly #options: PodListOptions;

  constructor(options: PodListOptions) {
    this.#options = options;
  }

  /** Throws StatusError. */
  async page(request: ListRequest): Promise<PodPage> {
    const listing = {
      ...request,
      labels: parseLabelSelector(request.labelSelector),
      fields: parseFieldSelector(request.fieldSelector),
      warnings: new Set<string>(),
    };
    const { pods, next } = await this.#page(listing);
    return { pods, next: next && formatContinue(next, this.#options.cursors), warnings: [...listing.warnings] };
  }

  async #page(listing: Listing): Promise<{ readonly pods: readonly Pod[]; readonly next: Place | undefined }> {
    const namespace = listing.namespace ?? listing.fields.namespace;
    if (listing.fields.name !== undefined && namespace !== undefined) {
      return { pods: await this.#named(listing, namespace, listing.fields.name), next: undefined };
    }
    let place: Place | undefined =
      listing.cursor === undefined ? { live: '', hidden: false } : parseContinue(listing.cursor, this.#options.cursors);
    let pods: readonly Pod[] = [];
    if ('live' in place) {
      const mayAll = await listing.caller.mayEverything('get');
      const live = await (mayAll ? this.#live(listing, place.live) : this.#liveAllowed(listing, place));
      pods = live.pods;
      place = live.next ?? { after: undefined };
    }
    const left = (listing.limit ?? Infinity) - pods.length;
    if ('live' in place || (left <= 0 && this.#mayBeArchived(listing))) return { pods, next: place };
    if (!this.#mayBeArchived(listing)) return { pods, next: undefined };
    const archived = await this.#archived(listing, place.after?.name, Math.min(left, MAX_LOOKED_AT));
    return { pods: [...pods, ...archived.pods], next: archived.next };
  }

  /** Without looking at any: what is archived has no labels but ours. */
  #mayBeArchived({ labels }: Listing): boolean {
    return labels(ARCHIVED_LABELS);
  }

  async #named(listing: Listing, namespace: string, name: string): Promise<Pod[]> {
    try {
      const { pod, warning } = await this.#options.pods.get({ ...listing, namespace, name });
      if (warning !== undefined) listing.warnings.add(warning);
      return isMeant(pod, listing) ? [pod] : [];
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async #live(listing: Listing, token: string): Promise<LivePage> {
    const answer = await this.#askPods(listing, listing.limit, token);
    if (answer === undefined) return { pods: [], next: undefined };
    const next = answer.metadata.continue ?? '';
    return { pods: answer.items, next: next === '' ? undefined : { live: next, hidden: false } };
  }

  /** Goes on until one more than the page holds is found: only that it exists may tell that there are more. */
  async #liveAllowed(listing: Listing, place: LivePlace): Promise<LivePage> {
    const { caller, limit } = listing;
    const pods: Pod[] = [];
    const { past } = place;
    let token = place.live;
    for (let looked = 0; ;) {
      const answer = await this.#askPods(listing, LIVE_PAGE, token);
      if (answer === undefined) return { pods, next: undefined };
      const rest = answer.items.filter((pod) => past === undefined || keyOf(pod) > past);
      const allowed = await mapParallel(rest, PARALLEL_LOOKS, ({ metadata }) =>
        caller.may('get', metadata.namespace, metadata.name),
      );
      for (const pod of rest.filter((_, index) => allowed[index])) {
        const last = pods.at(-1);
        if (pods.length === limit && last !== undefined) {
          return { pods, next: { live: token, hidden: true, past: keyOf(last) } };
        }
        pods.push(pod);
      }
      looked += answer.items.length;
      token = answer.metadata.continue ?? '';
      if (token === '') return { pods, next: undefined };
      // Who names no limit wants all at once.
      if (limit !== undefined && looked >= MAX_LIVE_LOOKED_AT) return { pods, next: { live: token, hidden: true } };
    }
  }

  #askPods(listing: Listing, limit: number | undefined, token: string) {
    const { labelSelector, fieldSelector } = listing;
    const query = new URLSearchParams({
      ...(limit !== undefined && { limit: String(limit) }),
      ...(token !== '' && { continue: token }),
      ...(labelSelector !== '' && { labelSelector }),
      ...(fieldSelector !== '' && { fieldSelector }),
    });
    return this.#ask(listing, query, podListSchema);
  }

  async #archived(
    listing: Listing,
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly pods: readonly Pod[]; readonly next: Place | undefined }> {
    const { caller, namespace, fields, signal } = listing;
    const { name } = fields;
    const [page, live] = await Promise.all([
      name === undefined
        ? this.#options.catalogue.page({
            limit,
            after,
            prefix: '',
            namespace: undefined,
            caller,
            signal,
          })
        : { jobs: [{ name }], last: undefined },
      this.#liveNames(listing),
    ]);
    const fate = live === undefined ? 'unknown' : 'gone';
    const found = await mapParallel(page.jobs, PARALLEL_LOOKS, (job) =>
      this.#options.pods.archivedOf(caller, job.name, { namespace, fate, signal }),
    );
    const pods = found
      .flat()
      .filter((pod) => isMeant(pod, listing) && live?.has(`${pod.metadata.namespace}/${pod.metadata.name}`) !== true);
    return { pods, next: page.last === undefined ? undefined : { after: page.last } };
  }

  /** Names of all pods that Kubernetes has, as `namespace/name`; undefined: it cannot be asked. */
  async #liveNames(listing: Listing): Promise<ReadonlySet<string> | undefined> {
    const names = new Set<string>();
    for (let token = ''; ;) {
      const { name } = listing.fields;
      const query = new URLSearchParams({
        limit: String(NAMES_PAGE),
        ...(token !== '' && { continue: token }),
        ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }),
      });
      const page = await this.#ask(listing, query, namesSchema);
      if (page === undefined) return undefined;
      for (const { metadata } of page.items) names.add(`${metadata.namespace}/${metadata.name}`);
      token = page.metadata.continue ?? '';
      if (token === '') return names;
    }
  }

  /** Undefined: there is no Kubernetes, or it does not let us see pods; then the listing has a warning of it. */
  async #ask<T>(listing: Listing, query: URLSearchParams, schema: z.ZodType<T>): Promise<T | undefined> {
    const { kube } = this.#options;
    if (kube === undefined) return undefined;
    const { namespace, signal } = listing;
    const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
    const accept =
      schema === (namesSchema as z.ZodType)
        ? 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json'
        : 'application/json';
    const answer = await kube.get(`${path}?${query.toString()}`, { accept, signal });
    if (isRefusal(answer)) {
      const where = namespace === undefined ? 'of all namespaces (name one with -n)' : `of the namespace ${namespace}`;
      listing.warnings.add(`Kubernetes does not let Cordwood list pods ${where}: what is shown comes from the archive`);
      return undefined;
    }
    if (answer.status !== 200) throw kubernetesError(answer);
    return parsed(schema, answer);
  }
}

const namesSchema = z.object({
  metadata: z.object({ continue: z.string().optional() }).default({}),
  items: z.array(z.object({ metadata: z.object({ name: z.string(), namespace: z.string() }) })),
});

/** Kubernetes lists pods in the order of these. */
const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

const isMeant = ({ metadata, spec, status }: Pod, { labels, fields, namespace }: Listing): boolean =>
  (namespace === undefined || metadata.namespace === namespace) &&
  labels(metadata.labels ?? {}) &&
  fields.matches({
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'spec.nodeName': spec.nodeName ?? '',
    'spec.restartPolicy': spec.restartPolicy ?? '',
    'status.phase': status.phase ?? '',
    'status.podIP': status.podIP ?? '',
    'status.nominatedNodeName': status.nominatedNodeName ?? '',
  });
