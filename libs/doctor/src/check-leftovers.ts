import { NotFoundError } from '@cordwood/log-store';
import { parseTime } from '@cordwood/log-record';
import { findOrphans } from '@cordwood/pod-metadata';
import { parseMergedKey } from '@cordwood/s3-key-format';
import type { PodState } from './check-pod.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** How much longer than it must something may be left before that is a problem: cleaning is a queue. */
const GRACE_MS = 3_600_000;

/** What should have been deleted, and what was kept. */
export async function checkLeftovers(
  options: DoctorOptions,
  state: PodState,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const { store, cleanupDelay } = options;
  const { pod, metadata } = state;
  const overdue = <T>(entries: readonly T[], stampOf: (entry: T) => string): T[] =>
    entries.filter((entry) => store.now() - msOf(stampOf(entry)) > cleanupDelay + GRACE_MS);
  const findings: Finding[] = [];

  const raw = overdue(metadata.merged_raw, (entry) => entry.merged_at);
  if (raw[0] !== undefined) {
    findings.push({ kind: 'raw files left', pod, key: raw[0].key, count: raw.length, since: raw[0].merged_at });
  }
  const superseded = overdue(metadata.superseded, (entry) => entry.since);
  if (superseded[0] !== undefined) {
    const [{ key, since }] = superseded;
    findings.push({ kind: 'superseded files left', pod, key, count: superseded.length, since });
  }
  findings.push(...orphans(options, state));
  for (const { key, reason, kept_as: keptAs } of metadata.damaged) {
    findings.push({ kind: 'set aside', pod, key, reason, keptAs, isKept: await exists(options, keptAs, signal) });
  }
  return findings;
}

function orphans({ store, orphanAge }: DoctorOptions, { pod, metadata, objects }: PodState): Finding[] {
  // The reference's files are never swept; those that are not listed it has replaced.
  const files = [...objects.values()].filter(({ key }) => {
    const parsed = parseMergedKey(key);
    return parsed.ok && parsed.key.writer === 'cordwood';
  });
  // At the end of time all are due: that gives every file that is not listed.
  const unlisted = new Set(findOrphans(metadata, files, Infinity, orphanAge).due);
  return files
    .filter(({ key }) => unlisted.has(key))
    .map(({ key, lastModified }) => {
      const ageMs = store.now() - lastModified;
      const state = ageMs < orphanAge ? 'young' : ageMs < orphanAge + GRACE_MS ? 'due' : 'overdue';
      return { kind: 'orphan', pod, key, ageMs, state };
    });
}

async function exists({ store }: DoctorOptions, key: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await store.head(key, signal);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

const msOf = (stamp: string): number => {
  const time = parseTime(stamp);
  return time === undefined ? 0 : time.seconds * 1000 + time.nanos / 1e6;
};
