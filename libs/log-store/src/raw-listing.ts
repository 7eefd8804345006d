import { type KeyProblem, parseRawKey, podOfRawPrefix, RAW_PREFIX, rawPrefixOfPod } from '@cordwood/s3-key-format';
import type { ObjectInfo, ObjectStore } from './object-store.ts';
import type { RawObject } from './raw-file.ts';

/** An object under the raw prefix that is no raw file. It is reported, and left alone. */
export interface StrayObject extends ObjectInfo {
  readonly problem: KeyProblem | 'empty object';
}

/** The raw files of a pod, in all namespaces, and what else lies among them. */
export interface RawListing {
  readonly files: readonly RawObject[];
  readonly stray: readonly StrayObject[];
}

/** Lists the raw files of a pod: one request for every 1,000. */
export async function listRawFiles(store: ObjectStore, pod: string, signal?: AbortSignal): Promise<RawListing> {
  const files: RawObject[] = [];
  const stray: StrayObject[] = [];
  for await (const page of store.list({ prefix: rawPrefixOfPod(pod), ...(signal && { signal }) })) {
    for (const object of page.objects) {
      const parsed = parseRawKey(object.key);
      if (!parsed.ok) stray.push({ ...object, problem: parsed.problem });
      else if (object.size === 0) stray.push({ ...object, problem: 'empty object' });
      else files.push({ ...object, parsed: parsed.key });
    }
  }
  return { files, stray };
}

/** A page of what a scan finds. */
export interface ScanPage {
  readonly pods: readonly string[];
  /** Objects and prefixes that belong to no pod. */
  readonly stray: readonly string[];
}

/** Sorts after all that a namespace's name may hold: what follows a pod's prefix and this belongs to the pods after it. */
const ABOVE_NAMESPACES = '~';

/**
 * Every pod that has raw files, page by page; one request for every 1,000 pods, however many files they have. `after`: only pods that
 * come after this one in the listing, whether it is still there or not.
 */
export async function* podsWithRawFiles(
  store: ObjectStore,
  { after, signal }: { readonly after?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<ScanPage> {
  const options = {
    prefix: RAW_PREFIX,
    delimiter: '_',
    ...(after !== undefined && { startAfter: `${rawPrefixOfPod(after)}${ABOVE_NAMESPACES}` }),
    ...(signal && { signal }),
  };
  for await (const page of store.list(options)) {
    const pods: string[] = [];
    const stray = page.objects.map((object) => object.key);
    for (const prefix of page.prefixes) {
      const pod = podOfRawPrefix(prefix);
      if (pod === undefined) stray.push(prefix);
      else pods.push(pod);
    }
    yield { pods, stray };
  }
}
