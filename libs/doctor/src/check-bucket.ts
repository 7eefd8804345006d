import { podsWithRawFiles } from '@cordwood/log-store';
import {
  isPodName,
  MERGED_PREFIX,
  METADATA_PREFIX,
  parseMetadataKey,
  REFERENCE_MERGED_PREFIX,
} from '@cordwood/s3-key-format';
import { checkPod } from './check-pod.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** Pods that are looked at at the same time. */
const PARALLEL = 8;
/** Objects that are named of those that begin alike and belong to no pod. */
const NAMED = 100;

/** What was found at one pod, or at no pod's objects. */
export interface Checked {
  readonly pod: string | undefined;
  readonly findings: readonly Finding[];
}

/** Looks at these pods, in their order. */
export async function* checkPods(
  options: DoctorOptions,
  pods: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Checked> {
  for (let at = 0; at < pods.length; at += PARALLEL) {
    const some = pods.slice(at, at + PARALLEL);
    yield* await Promise.all(some.map(async (pod) => ({ pod, findings: await checkPod(options, pod, signal) })));
  }
}

/** Looks at every pod in the bucket, page by page of the listings. What is kept in memory is a page, and the names of the pods. */
export async function* checkBucket(options: DoctorOptions, signal?: AbortSignal): AsyncGenerator<Checked> {
  const seen = new Set<string>();
  for await (const { pods, unknown, unknownPrefixes } of pagesOfPods(options, signal)) {
    if (unknown.length > 0) {
      for (const key of unknown) yield { pod: undefined, findings: [{ kind: 'unknown object', key }] };
    }
    for (const prefix of unknownPrefixes) {
      yield { pod: undefined, findings: await namedBelow(options, prefix, signal) };
    }
    const fresh = pods.filter((pod) => !seen.has(pod));
    for (const pod of fresh) seen.add(pod);
    yield* checkPods(options, fresh, signal);
  }
}

interface PageOfPods {
  readonly pods: readonly string[];
  /** Keys that are no pod's. */
  readonly unknown: readonly string[];
  /** What keys that are no pod's begin with. */
  readonly unknownPrefixes: readonly string[];
}

/** The objects below a prefix that is no pod's, by their keys: the first {@link NAMED} of them. */
async function namedBelow(
  { store }: DoctorOptions,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const page of store.list({ prefix, pageSize: NAMED + 1, ...(signal && { signal }) })) {
    findings.push(...page.objects.slice(0, NAMED).map(({ key }): Finding => ({ kind: 'unknown object', key })));
    if (page.objects.length > NAMED) findings.push({ kind: 'more unknown objects', key: prefix, named: NAMED });
    break;
  }
  return findings;
}

/** The pods that have metadata, that have merged files, that have raw files: a pod may come up to four times. */
async function* pagesOfPods({ store }: DoctorOptions, signal: AbortSignal | undefined): AsyncGenerator<PageOfPods> {
  for await (const page of store.list({ prefix: METADATA_PREFIX, ...(signal && { signal }) })) {
    const parsed = page.objects.map(({ key }) => ({ key, result: parseMetadataKey(key) }));
    yield {
      pods: parsed.flatMap(({ result }) => (result.ok ? [result.key.pod] : [])),
      unknown: parsed.flatMap(({ key, result }) => (result.ok ? [] : [key])),
      unknownPrefixes: [],
    };
  }
  for (const prefix of [MERGED_PREFIX, REFERENCE_MERGED_PREFIX]) {
    for await (const page of store.list({ prefix, delimiter: '/', ...(signal && { signal }) })) {
      const folders = page.prefixes.map((folder) => ({ folder, pod: folder.slice(prefix.length, -1) }));
      yield {
        pods: folders.filter(({ pod }) => isPodName(pod)).map(({ pod }) => pod),
        unknown: page.objects.map(({ key }) => key),
        unknownPrefixes: folders.filter(({ pod }) => !isPodName(pod)).map(({ folder }) => folder),
      };
    }
  }
  for await (const page of podsWithRawFiles(store, { signal })) {
    const isPrefix = (stray: string): boolean => stray.endsWith('_');
    yield {
      pods: page.pods,
      unknown: page.stray.filter((stray) => !isPrefix(stray)),
      unknownPrefixes: page.stray.filter(isPrefix),
    };
  }
}
