import { randomUUID } from 'node:crypto';
import {
  AccessDeniedError,
  NoSuchBucketError,
  PreconditionFailedError,
  StoreError,
  StoreUnavailableError,
} from './errors.ts';

/** What a store makes of conditions, as found out by `probeDialect`. */
export interface StoreDialect {
  /** `If-None-Match: *` on a put creates only, with one winner among parallel writers. */
  readonly conditionalCreate: boolean;
  /** `If-Match` on a put replaces only what is unchanged, with one winner among parallel writers. */
  readonly conditionalReplace: boolean;
  /** Whether ETags stand in quotes in conditions, as they should, or without: old Ceph compares the quotes too. */
  readonly etagForm: 'quoted' | 'unquoted';
  /** The condition on a copy's source is honoured (old Ceph ignores it). */
  readonly conditionalCopy: boolean;
  /** `If-Match` on DeleteObject is honoured. */
  readonly conditionalDelete: boolean;
  /** The `ETag` of an entry of DeleteObjects is honoured. */
  readonly conditionalBatchDelete: boolean;
}

/** Assumed until the store was probed: conditional writes as S3 has them, all other conditions not to be relied on. */
export const ASSUMED_DIALECT: StoreDialect = {
  conditionalCreate: true,
  conditionalReplace: true,
  etagForm: 'quoted',
  conditionalCopy: false,
  conditionalDelete: false,
  conditionalBatchDelete: false,
};

/** May metadata be committed by conditional writes alone? */
export function commitsSafely(dialect: StoreDialect): boolean {
  return dialect.conditionalCreate && dialect.conditionalReplace;
}

/** The few operations that the probe needs, with raw header values as conditions. ETags come without quotes. */
export interface ProbedStore {
  put(key: string, body: Uint8Array, headers?: { ifMatch?: string; ifNoneMatch?: string }): Promise<{ etag: string }>;
  copy(from: string, to: string, ifMatch: string): Promise<void>;
  exists(key: string): Promise<boolean>;
  delete(key: string, ifMatch?: string): Promise<void>;
  deleteBatch(targets: readonly { key: string; etag?: string }[]): Promise<void>;
}

const RACERS = 5;
const OTHER_ETAG = '00000000000000000000000000000000';

/**
 * Finds a store's dialect with a few tiny objects under `{prefix}.cordwood/probe/{random}/`, and deletes them again.
 * Throws when the store cannot be reached or refuses us: then nothing is known.
 */
export async function probeDialect(store: ProbedStore, prefix = ''): Promise<StoreDialect> {
  const folder = `${prefix}.cordwood/probe/${randomUUID()}/`;
  const keys = ['create', 'replace', 'copied', 'delete', 'stays', 'goes'].map((name) => folder + name);
  const [create, replace, copied, single, stays, goes] = keys as [string, string, string, string, string, string];
  try {
    const conditionalCreate = await probeCreate(store, create);
    const { honoured, form } = await probeReplace(store, replace);
    return {
      conditionalCreate,
      conditionalReplace: honoured,
      etagForm: form,
      conditionalCopy: await probeCopy(store, create, copied, form),
      conditionalDelete: await probeDelete(store, single, form),
      conditionalBatchDelete: await probeBatchDelete(store, stays, goes, form),
    };
  } finally {
    // A leftover is harmless, and must not hide what went wrong before.
    await store.deleteBatch(keys.map((key) => ({ key }))).catch(() => undefined);
  }
}

/** An ETag as the store wants it in a condition. */
export function inForm(form: StoreDialect['etagForm'], etag: string): string {
  return form === 'quoted' ? `"${etag}"` : etag;
}

async function probeCreate(store: ProbedStore, key: string): Promise<boolean> {
  // All at once: some stores check first and write later, which lets several win.
  const wins = await race((body) => store.put(key, body, { ifNoneMatch: '*' }));
  return wins === 1 && (await refuses(store.put(key, bytes('once more'), { ifNoneMatch: '*' })));
}

async function probeReplace(
  store: ProbedStore,
  key: string,
): Promise<{ honoured: boolean; form: StoreDialect['etagForm'] }> {
  const { etag } = await store.put(key, bytes('first'));
  for (const form of ['quoted', 'unquoted'] as const) {
    if (!(await refuses(store.put(key, bytes('wrong'), { ifMatch: inForm(form, OTHER_ETAG) })))) break;
    // Bodies differ, and with them the ETags: of those who name the old one only the first may win.
    const wins = await race((body) => store.put(key, body, { ifMatch: inForm(form, etag) }));
    if (wins > 0) return { honoured: wins === 1, form };
  }
  return { honoured: false, form: 'quoted' };
}

async function probeCopy(
  store: ProbedStore,
  from: string,
  to: string,
  form: StoreDialect['etagForm'],
): Promise<boolean> {
  const { etag } = await store.put(from, bytes('copy'));
  if (!(await refuses(store.copy(from, to, inForm(form, OTHER_ETAG))))) return false;
  return accepts(store.copy(from, to, inForm(form, etag)));
}

async function probeDelete(store: ProbedStore, key: string, form: StoreDialect['etagForm']): Promise<boolean> {
  const { etag } = await store.put(key, bytes('delete'));
  await accepts(store.delete(key, inForm(form, OTHER_ETAG)));
  if (!(await store.exists(key))) return false;
  await accepts(store.delete(key, inForm(form, etag)));
  return !(await store.exists(key));
}

async function probeBatchDelete(
  store: ProbedStore,
  stays: string,
  goes: string,
  form: StoreDialect['etagForm'],
): Promise<boolean> {
  await store.put(stays, bytes('stays'));
  const { etag } = await store.put(goes, bytes('goes'));
  const targets = [
    { key: stays, etag: inForm(form, OTHER_ETAG) },
    { key: goes, etag: inForm(form, etag) },
  ];
  await accepts(store.deleteBatch(targets));
  return (await store.exists(stays)) && !(await store.exists(goes));
}

/** How many of several parallel writes of different bodies were accepted. Waits for all, so that none is left to write after the clean-up. */
async function race(write: (body: Uint8Array) => Promise<unknown>): Promise<number> {
  const writes = Array.from({ length: RACERS }, (_, racer) => accepts(write(bytes(`racer ${racer}`))));
  const outcomes = await Promise.allSettled(writes);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
}

async function refuses(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return false;
  } catch (error) {
    if (error instanceof PreconditionFailedError) return true;
    return rethrowUnlessUnsupported(error);
  }
}

async function accepts(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    return rethrowUnlessUnsupported(error);
  }
}

/** A store may well refuse a condition as something that it does not know (400, 501): then it does not honour it. */
function rethrowUnlessUnsupported(error: unknown): false {
  const tellsNothing =
    !(error instanceof StoreError) ||
    error instanceof AccessDeniedError ||
    error instanceof NoSuchBucketError ||
    error instanceof StoreUnavailableError;
  if (tellsNothing) throw error;
  return false;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
