import { compareInstants } from '@cordwood/log-record';
import { firstOrderOf } from '@cordwood/log-store';
import { isReferenceFile, type LogFile } from '@cordwood/pod-metadata';
import { compareRawFiles, parseMergedKey } from '@cordwood/s3-key-format';
import type { Candidate } from './inventory.ts';
import { areIndependent } from './live-files.ts';

/**
 * The entries of a container's files, in the order that the metadata had: run by run, within a run by the place that each file says it
 * has. Files that claim the same place come from merges that did not know of each other; one of them gets a run of its own, so
 * that its records are read at their time.
 */
export function orderFiles(files: readonly Candidate[]): LogFile[] {
  const sorted = files.toSorted(
    (a, b) => runOf(a.file) - runOf(b.file) || placeKind(a) - placeKind(b) || comparePlaces(a, b),
  );
  let nextRun = Math.max(0, ...files.map(({ file }) => runOf(file))) + 1;
  const ends = new Map<number, Candidate>();
  const ordered: LogFile[] = [];
  for (const candidate of sorted) {
    const run = runOf(candidate.file);
    const before = ends.get(run);
    if (before !== undefined && claimsSamePlace(before, candidate)) {
      ordered.push({ ...candidate.file, run: nextRun++ });
      continue;
    }
    ends.set(run, candidate);
    ordered.push(candidate.file);
  }
  return ordered.toSorted((a, b) => runOf(a) - runOf(b));
}

const runOf = (file: LogFile): number => file.run ?? 0;

/** In a log that was carried on, the reference's files are the oldest, then come those that do not say their place. */
const placeKind = ({ file, provenance }: Candidate): number =>
  isReferenceFile(file) ? 0 : provenance === undefined ? 1 : 2;

function comparePlaces(a: Candidate, b: Candidate): number {
  const written = a.lastModified - b.lastModified || (a.file.key < b.file.key ? -1 : 1);
  if (isReferenceFile(a.file)) {
    const [left, right] = [parseMergedKey(a.file.key), parseMergedKey(b.file.key)];
    return left.ok && right.ok ? compareRawFiles(left.key, right.key) : written;
  }
  if (a.provenance !== undefined && b.provenance !== undefined)
    return a.provenance.position - b.provenance.position || written;
  const [first, second] = [firstOrderOf(a.file), firstOrderOf(b.file)];
  return (first !== undefined && second !== undefined && compareInstants(first, second)) || written;
}

function claimsSamePlace(before: Candidate, next: Candidate): boolean {
  if (before.provenance === undefined || next.provenance === undefined || areIndependent(before, next)) return false;
  return next.provenance.position < before.provenance.position + before.file.records_count;
}
