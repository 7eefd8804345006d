import { randomUUID } from 'node:crypto';
import { AccessDeniedError, NoSuchBucketError, StoreError, StoreUnavailableError } from './errors.ts';

/**
 * What a store makes of a condition on a put. `honoured`: it holds, with one winner among parallel writers. `unreliable`: the
 * condition is ignored, or checked and then acted on too late. `refused`: no put that carries one is carried out.
 */
export type ConditionalPut = 'honoured' | 'unreliable' | 'refused';

/** What a store makes of conditions, as found out by `probeDialect`. */
export interface StoreDialect {
  /** `If-None-Match: *` on a put: create only. */
  readonly conditionalCreate: ConditionalPut;
  /** `If-Match` on a put: replace only what is unchanged. */
  readonly conditionalReplace: ConditionalPut;
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
  conditionalCreate: 'honoured',
  conditionalReplace: 'honoured',
  etagForm: 'quoted',
  conditionalCopy: false,
  conditionalDelete: false,
  conditionalBatchDelete: false,
};

/** May metadata be committed by conditional writes alone? */
export function commitsSafely(dialect: StoreDialect): boolean {
  return dialect.conditionalCreate === 'honoured' && dialect.conditionalReplace === 'honoured';
}

/** The few operations that the probe needs, with raw header values as conditions. ETags come without quotes. */
export interface ProbedStore {
  put(key: string, body: Uint8Array, headers?: { ifMatch?: string; ifNoneMatch?: string }): Promise<{ etag: string }>;
  copy(from: string, to: string, ifMatch: string): Promise<void>;
  /** Undefined when there is no such object. */
  etagOf(key: string): Promise<string | undefined>;
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
  const written = [...triesOf(create), ...triesOf(replace), copied, single, stays, goes];
  try {
    const conditionalCreate = await probeCreate(store, create);
    const { conditionalReplace, form } = await probeReplace(store, replace);
    return {
      conditionalCreate,
      conditionalReplace,
      etagForm: form,
      conditionalCopy: await probeCopy(store, create, copied, form),
      conditionalDelete: await probeDelete(store, single, form),
      conditionalBatchDelete: await probeBatchDelete(store, stays, goes, form),
    };
  } finally {
    // A leftover is harmless, and must not hide what went wrong before.
    await store.deleteBatch(written.map((key) => ({ key }))).catch(() => undefined);
  }
}

/** An ETag as the store wants it in a condition. */
export function inForm(form: StoreDialect['etagForm'], etag: string): string {
  return form === 'quoted' ? `"${etag}"` : etag;
}

/**
 * Undefined: nobody won, and yet something was written. Either the winner's answer was lost, so that its repetition was refused, which says
 * nothing of the store; or the store refuses what it carries out.
 */
type Inconclusive = undefined;

/** Tries again where an answer was lost. What never gets conclusive is not to be relied on. */
async function conclusively<T>(
  key: string,
  otherwise: T,
  probe: (key: string) => Promise<T | Inconclusive>,
): Promise<T> {
  for (const each of triesOf(key)) {
    const found = await probe(each);
    if (found !== undefined) return found;
  }
  return otherwise;
}

/** Each try has a key of its own. */
const triesOf = (key: string): string[] => [key, `${key}-again`, `${key}-once-more`];

const probeCreate = (store: ProbedStore, firstKey: string): Promise<ConditionalPut> =>
  conclusively<ConditionalPut>(firstKey, 'unreliable', async (key) => {
    const create = (body: Uint8Array) => store.put(key, body, { ifNoneMatch: '*' });
    // All at once: some stores check first and write later, which lets several win.
    const wins = await race(create);
    if (wins === 0) return (await store.etagOf(key)) === undefined ? 'refused' : undefined;
    return wins === 1 && !(await accepts(create(bytes('once more')))) ? 'honoured' : 'unreliable';
  });

interface Replacing extends Pick<StoreDialect, 'conditionalReplace'> {
  readonly form: StoreDialect['etagForm'];
}

const probeReplace = (store: ProbedStore, firstKey: string): Promise<Replacing> =>
  conclusively<Replacing>(firstKey, { conditionalReplace: 'unreliable', form: 'quoted' }, async (key) => {
    const { etag } = await store.put(key, bytes('first'));
    for (const form of ['quoted', 'unquoted'] as const) {
      const ofOther = store.put(key, bytes('wrong'), { ifMatch: inForm(form, OTHER_ETAG) });
      if (await accepts(ofOther)) return { conditionalReplace: 'unreliable', form };
      // Bodies differ, and with them the ETags: of those who name the old one only the first may win.
      const wins = await race((body) => store.put(key, body, { ifMatch: inForm(form, etag) }));
      if (wins > 0) return { conditionalReplace: wins === 1 ? 'honoured' : 'unreliable', form };
      if ((await store.etagOf(key)) !== etag) return undefined;
    }
    return { conditionalReplace: 'refused', form: 'quoted' };
  });

async function probeCopy(
  store: ProbedStore,
  from: string,
  to: string,
  form: StoreDialect['etagForm'],
): Promise<boolean> {
  const { etag } = await store.put(from, bytes('copy'));
  if (await accepts(store.copy(from, to, inForm(form, OTHER_ETAG)))) return false;
  return accepts(store.copy(from, to, inForm(form, etag)));
}

async function probeDelete(store: ProbedStore, key: string, form: StoreDialect['etagForm']): Promise<boolean> {
  const { etag } = await store.put(key, bytes('delete'));
  await accepts(store.delete(key, inForm(form, OTHER_ETAG)));
  if ((await store.etagOf(key)) === undefined) return false;
  await accepts(store.delete(key, inForm(form, etag)));
  return (await store.etagOf(key)) === undefined;
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
  return (await store.etagOf(stays)) !== undefined && (await store.etagOf(goes)) === undefined;
}

/** How many of several parallel writes of different bodies were accepted. Waits for all, so that none is left to write after the clean-up. */
async function race(write: (body: Uint8Array) => Promise<unknown>): Promise<number> {
  const writes = Array.from({ length: RACERS }, (_, racer) => accepts(write(bytes(`racer ${racer}`))));
  const outcomes = await Promise.allSettled(writes);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
}

/** False when the store refused: because the condition did not hold, or (400, 409, 501) because it knows no such condition. */
async function accepts(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    return rethrowUnlessRefused(error);
  }
}

function rethrowUnlessRefused(error: unknown): false {
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
