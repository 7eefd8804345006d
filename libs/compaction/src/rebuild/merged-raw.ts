import { hasTrustedTimes, mergedRecords, MergedIdentities, NotFoundError, RawFile } from '@cordwood/log-store';
import type { ObjectStore, OnDamage, RawObject } from '@cordwood/log-store';
import { recordIdentity } from '@cordwood/log-record';
import type { LogFile, RawVersion } from '@cordwood/pod-metadata';

export interface MergedRawOptions {
  readonly store: ObjectStore;
  /** REORDER_WINDOW, in ms. */
  readonly reorderWindow: number;
  /** MAX_RECORD, in bytes. */
  readonly maxRecord: number;
  readonly onDamage: OnDamage;
}

/** Raw files up to this size are read with one request. */
export const KEEP_UP_TO = 1024 * 1024;

/**
 * Those of a container's raw objects whose records all stand in its merged files: they were merged, or need not be. `newest`: when the
 * last of these was written; what arrived later is not looked at. An object that cannot be read whole is left to the next merge.
 */
export async function findMergedRaw(
  options: MergedRawOptions,
  files: readonly LogFile[],
  raw: readonly RawObject[],
  newest: number,
  signal?: AbortSignal,
): Promise<RawVersion[]> {
  const { store, onDamage } = options;
  const identities = new MergedIdentities(
    files.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
    (file) => mergedRecords(store, file, onDamage, signal),
  );
  const merged: RawVersion[] = [];
  for (const object of raw) {
    if (object.lastModified > newest) continue;
    try {
      const file = await RawFile.open(store, object, { ...options, keepUpTo: KEEP_UP_TO, signal });
      if (await isMerged(file, identities)) merged.push({ key: file.key, etag: file.etag });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return merged;
}

async function isMerged(file: RawFile, identities: MergedIdentities): Promise<boolean> {
  const own = new Map<number, number>();
  for await (const records of file.records()) {
    for (const record of records) {
      const identity = recordIdentity(record);
      const count = (own.get(identity) ?? 0) + 1;
      own.set(identity, count);
      if (!identities.mayHold(record) || count > (await identities.count(record))) return false;
    }
  }
  return file.damage === undefined;
}
