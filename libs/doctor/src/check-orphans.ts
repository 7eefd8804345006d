import { hasTrustedTimes, mergedRecords, MergedIdentities, NotFoundError, RawFile } from '@cordwood/log-store';
import { recordIdentity } from '@cordwood/log-record';
import type { LogFile } from '@cordwood/pod-metadata';
import { parseMergedKey } from '@cordwood/s3-key-format';
import type { PodState } from './check-pod.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** Raw files up to this size are read with one request. */
const KEEP_UP_TO = 1024 * 1024;

/**
 * Which of these files that no metadata lists hold records that stand in no listed file and in no raw file. Not asked of containers of
 * which a log was deleted: there such records are to go.
 */
export async function checkOrphans(
  options: DoctorOptions,
  state: PodState,
  orphans: readonly string[],
  signal?: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const key of orphans) {
    const parsed = parseMergedKey(key);
    if (!parsed.ok) continue;
    const { containerId } = parsed.key;
    if (state.metadata.deleted.some((each) => each.container_id === containerId)) continue;
    try {
      const records = await countNowhereElse(options, state, { key, containerId }, signal);
      if (records > 0) findings.push({ kind: 'orphan records', pod: state.pod, key, records });
    } catch (error) {
      // Merged, cleaned or swept in the meantime.
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return findings;
}

async function countNowhereElse(
  options: DoctorOptions,
  { metadata, objects, raw }: PodState,
  { key, containerId }: { readonly key: string; readonly containerId: string },
  signal: AbortSignal | undefined,
): Promise<number> {
  const read = (file: LogFile) => mergedRecords(options.store, file, () => undefined, signal);
  const listed = metadata.log_files.filter((file) => objects.has(file.key) && containerOf(file) === containerId);
  const identities = new MergedIdentities(
    listed.map((file) => ({ file, trusted: hasTrustedTimes(file) })),
    read,
  );
  const own = new Map<number, number>();
  /** How many of the records are in no listed file, by identity. */
  const left = new Map<number, number>();
  const orphan = { key, records_count: 0, size: 0, first_record_time: '', last_record_time: '' };
  for await (const records of read(orphan)) {
    for (const record of records) {
      const identity = recordIdentity(record);
      const count = (own.get(identity) ?? 0) + 1;
      own.set(identity, count);
      if (!identities.mayHold(record) || count > (await identities.count(record)))
        left.set(identity, (left.get(identity) ?? 0) + 1);
    }
  }
  if (left.size === 0) return 0;
  for (const object of raw.files.filter(({ parsed }) => parsed.containerId === containerId)) {
    const file = await RawFile.open(options.store, object, { ...options, keepUpTo: KEEP_UP_TO, signal });
    for await (const records of file.records()) {
      for (const record of records) {
        const identity = recordIdentity(record);
        const count = left.get(identity);
        if (count !== undefined) left.set(identity, count - 1);
      }
    }
  }
  return [...left.values()].reduce((sum, count) => sum + Math.max(0, count), 0);
}

function containerOf({ key, container_id: containerId }: LogFile): string | undefined {
  const parsed = parseMergedKey(key);
  return containerId ?? (parsed.ok ? parsed.key.containerId : undefined);
}
