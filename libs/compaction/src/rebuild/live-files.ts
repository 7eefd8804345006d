import {
  compareInstants,
  type Instant,
  type LogRecord,
  parseTime,
  recordIdentity,
  recordTime,
} from '@cordwood/log-record';
import { markOf } from '@cordwood/log-store';
import type { LogFile } from '@cordwood/pod-metadata';
import type { Candidate } from './inventory.ts';

/**
 * Which of the merged files that lie in the bucket make up the log. Beside those there may be files whose records stand again in newer
 * ones (superseded, not deleted yet), and files of merges that lost their race or died (orphans). The records tell: a file all of
 * whose records stand in others too is not needed.
 *
 * Records are compared only between files that may compete: whose times meet, and of which neither was written with the other in
 * sight. So equal records that really are several stay several.
 */

/** What is to be listed, so that each record is there once. */
export interface LiveFiles {
  readonly live: readonly Candidate[];
  /** All their records stand in live files. */
  readonly redundant: readonly Candidate[];
  /** Some of their records stand in live files: how many of each. The others must be written anew. */
  readonly partial: readonly { readonly candidate: Candidate; readonly covered: ReadonlyMap<number, number> }[];
}

/** A file with what is known of its rivals. */
interface Weighed {
  readonly candidate: Candidate;
  readonly first: Instant;
  readonly last: Instant;
  readonly rivals: Weighed[];
  /** How many records of each identity it has, of those that may stand in a rival too. */
  readonly counts: Map<number, number>;
  /** Whether a later merge knew it: so it was committed. */
  readonly wasListed: boolean;
  /** Whether it has records that can stand in no rival. */
  hasOthers: boolean;
}

/**
 * Selects the live ones among the files of one container. Files without rivals are not read. Memory: some 50 bytes for each record
 * whose time lies within a rival's times.
 */
export async function selectLive(
  candidates: readonly Candidate[],
  read: (file: LogFile) => AsyncIterable<LogRecord[]>,
): Promise<LiveFiles> {
  const listed = new Set(candidates.flatMap(({ provenance }) => [...(provenance?.basedOn ?? [])]));
  const files = candidates.map((candidate) => weighed(candidate, listed.has(markOf(candidate.file.key))));
  findRivals(files);
  for (const file of files) if (file.rivals.length > 0) await count(file, read);

  const contested = files.filter((file) => file.rivals.length > 0);
  const needed = new Set(contested);
  for (const file of contested.toSorted(doubtfulFirst)) if (isCovered(file, needed)) needed.delete(file);
  const selected = resolve(contested.toSorted((a, b) => rank(b, needed) - rank(a, needed)));
  const uncontested = files.filter((file) => file.rivals.length === 0).map((file) => file.candidate);
  return { ...selected, live: [...uncontested, ...selected.live] };
}

const NEVER: Instant = { seconds: -Infinity, nanos: 0 };
const ALWAYS: Instant = { seconds: Infinity, nanos: 0 };

const weighed = (candidate: Candidate, wasListed: boolean): Weighed => ({
  candidate,
  wasListed,
  first: parseTime(candidate.file.first_record_time) ?? NEVER,
  last: parseTime(candidate.file.last_record_time) ?? ALWAYS,
  rivals: [],
  counts: new Map<number, number>(),
  hasOthers: false,
});

function findRivals(files: readonly Weighed[]): void {
  const byTime = files.toSorted((a, b) => compareInstants(a.first, b.first));
  for (const [index, file] of byTime.entries()) {
    for (const later of byTime.slice(index + 1)) {
      if (compareInstants(later.first, file.last) > 0) break;
      if (areIndependent(file.candidate, later.candidate)) continue;
      file.rivals.push(later);
      later.rivals.push(file);
    }
  }
}

/** Whether no record of one is a copy of the other's: one merge wrote both, or the later merge knew the earlier file and left it. */
export function areIndependent(a: Candidate, b: Candidate): boolean {
  const namespaces = [a.file.namespace, b.file.namespace];
  if (!namespaces.includes(undefined) && namespaces[0] !== namespaces[1]) return true;
  return (
    isBasedOn(a, b) || isBasedOn(b, a) || (a.provenance !== undefined && a.provenance.merge === b.provenance?.merge)
  );
}

const isBasedOn = (a: Candidate, b: Candidate): boolean => a.provenance?.basedOn.has(markOf(b.file.key)) ?? false;

async function count(file: Weighed, read: (file: LogFile) => AsyncIterable<LogRecord[]>): Promise<void> {
  for await (const records of read(file.candidate.file)) {
    for (const record of records) {
      if (!file.rivals.some((rival) => isWithin(recordTime(record), rival))) file.hasOthers = true;
      else add(file.counts, recordIdentity(record), 1);
    }
  }
}

const isWithin = (time: Instant, { first, last }: Weighed): boolean =>
  Number.isNaN(time.seconds) || (compareInstants(time, first) >= 0 && compareInstants(time, last) <= 0);

const add = (counts: Map<number, number>, identity: number, count: number): void =>
  void counts.set(identity, (counts.get(identity) ?? 0) + count);

/**
 * The order in which files are tried to do without: first those of which it is not known that they ever were in the log. Superseded files
 * are older than what replaced them, which has more records: so from the newest on, only a copy is found covered before its original.
 */
const doubtfulFirst = (a: Weighed, b: Weighed): number =>
  Number(a.wasListed) - Number(b.wasListed) ||
  b.candidate.lastModified - a.candidate.lastModified ||
  (b.candidate.provenance?.position ?? 0) - (a.candidate.provenance?.position ?? 0) ||
  (a.candidate.file.key < b.candidate.file.key ? -1 : 1);

/** Whether the others that are needed seem to hold all records of the file. */
function isCovered(file: Weighed, needed: ReadonlySet<Weighed>): boolean {
  if (file.hasOthers) return false;
  const rivals = file.rivals.filter((rival) => needed.has(rival));
  return [...file.counts].every(([identity, own]) => inAll(rivals, identity) >= own);
}

type Counts = ReadonlyMap<number, number>;

const inAll = (files: readonly { readonly counts: Counts }[], identity: number): number =>
  files.reduce((sum, { counts }) => sum + (counts.get(identity) ?? 0), 0);

/** Which of two files stays as it is: one that is needed, one that was in the log, the larger one. */
const rank = (file: Weighed, needed: ReadonlySet<Weighed>): number =>
  (needed.has(file) ? 2e15 : 0) + (file.wasListed ? 1e15 : 0) + file.candidate.file.records_count;

/**
 * Takes the files one by one and lists of each what the log has not yet: a record is there when a rival has brought it, and that copy
 * does not stand for an equal record of a file which is no rival.
 */
function resolve(files: readonly Weighed[]): LiveFiles {
  const live: Candidate[] = [];
  const redundant: Candidate[] = [];
  const partial: LiveFiles['partial'][number][] = [];
  /** Of each file so far, what of it is in the log, and what is not because rivals have it. */
  const done: { readonly file: Weighed; readonly listed: Counts; readonly cut: Counts }[] = [];
  for (const file of files) {
    const { candidate, counts, hasOthers } = file;
    const rivals = done.filter((each) => file.rivals.includes(each.file)).map(({ listed }) => ({ counts: listed }));
    const partners = done.filter((each) => !file.rivals.includes(each.file)).map(({ cut }) => ({ counts: cut }));
    const cut = new Map<number, number>();
    const listed = new Map<number, number>();
    for (const [identity, own] of counts) {
      const elsewhere = Math.max(0, Math.min(own, inAll(rivals, identity) - inAll(partners, identity)));
      if (elsewhere > 0) cut.set(identity, elsewhere);
      if (own > elsewhere) listed.set(identity, own - elsewhere);
    }
    done.push({ file, listed, cut });
    if (cut.size === 0) live.push(candidate);
    else if (listed.size === 0 && !hasOthers) redundant.push(candidate);
    else partial.push({ candidate, covered: cut });
  }
  return { live, redundant, partial };
}
