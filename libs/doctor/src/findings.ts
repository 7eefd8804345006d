import type { KeyProblem } from '@cordwood/s3-key-format';

/** Something about the bucket that an operator may want to know. `key`: the object (or the beginning of keys) that it is about. */
export type Finding = { readonly pod?: string; readonly key: string } & (
  | { readonly kind: 'metadata unreadable'; readonly reason: string }
  | { readonly kind: 'metadata of a newer version'; readonly reason: string }
  | { readonly kind: 'metadata lost'; readonly files: number }
  | { readonly kind: 'first merge'; readonly files: number }
  | {
      readonly kind: 'file missing';
      readonly records: number;
      /** RFC 3339. */
      readonly first: string;
      readonly last: string;
    }
  | { readonly kind: 'file changed'; readonly listed: string; readonly found: string }
  | { readonly kind: 'file damaged'; readonly reason: string }
  | { readonly kind: 'orphan'; readonly ageMs: number; readonly state: 'young' | 'due' | 'overdue' }
  | { readonly kind: 'orphan records'; readonly records: number }
  | { readonly kind: 'raw files left'; readonly count: number; readonly since: string }
  | { readonly kind: 'superseded files left'; readonly count: number; readonly since: string }
  | { readonly kind: 'raw file overwritten' }
  | { readonly kind: 'raw files waiting'; readonly count: number; readonly ageMs: number }
  | { readonly kind: 'raw file damaged'; readonly reason: string }
  | { readonly kind: 'set aside'; readonly reason: string; readonly keptAs: string; readonly isKept: boolean }
  | { readonly kind: 'stray object'; readonly problem: KeyProblem | 'empty object' }
  | { readonly kind: 'unknown object' }
  | { readonly kind: 'more unknown objects'; readonly named: number }
  | { readonly kind: 'nothing there' }
);

/** Whether something is wrong, or only worth knowing. */
export type Severity = 'problem' | 'information';

/** A finding in words. */
export interface Explanation {
  readonly severity: Severity;
  readonly text: string;
  /** What `--repair` does about it; undefined: nothing. */
  readonly repair: string | undefined;
}

const REBUILD = 'keeps a copy of it, and rebuilds it from the merged files in the bucket';
const ACCEPT = 'with --accept-damage what can be read of it takes its place, and a copy of it is kept';
const CLEAN = 'cleans the pod';

/** What a finding means, and what is done about it. */
export function explain(finding: Finding): Explanation {
  const problem = (text: string, repair?: string): Explanation => ({ severity: 'problem', text, repair });
  const information = (text: string): Explanation => ({ severity: 'information', text, repair: undefined });
  switch (finding.kind) {
    case 'metadata unreadable':
      return problem(`${finding.reason}. The pod is neither merged nor cleaned nor readable`, REBUILD);
    case 'metadata of a newer version':
      return problem(`${finding.reason}. It is never touched: use the program that wrote it`);
    case 'metadata lost':
      return problem(
        `there is none, but ${files(finding.files)} of the pod's. They cannot be read until it is rebuilt`,
        'rebuilds it from the merged files in the bucket',
      );
    case 'first merge':
      return information(
        `${files(finding.files)} without metadata, just written: a first merge in flight, or one that died`,
      );
    case 'file missing':
      return problem(
        `the metadata lists it, and it is gone, with ${finding.records} records from ${finding.first} to ${finding.last}`,
        'nothing; with --drop-missing the entry goes, and the rest of the log can be read again',
      );
    case 'file changed':
      return problem(
        `the metadata lists it with ${finding.listed}, but it has ${finding.found}`,
        `corrects the entry if its records are as listed; else ${ACCEPT}`,
      );
    case 'file damaged':
      return problem(finding.reason, `nothing; ${ACCEPT}`);
    case 'orphan':
      return orphan(finding.ageMs, finding.state);
    case 'orphan records':
      return problem(
        `no metadata lists it, and it holds ${finding.records} records that are nowhere else; it will be swept when it is older than ` +
          'ORPHAN_AGE. Was an older metadata put back? Stop the workers, move the metadata away, and run --repair: that rebuilds it ' +
          'from all files',
      );
    case 'raw files left':
      return problem(
        `${finding.count} raw files, merged since ${finding.since}, should have been deleted: is the cleanup-worker running?`,
        CLEAN,
      );
    case 'superseded files left':
      return problem(
        `${finding.count} files, replaced since ${finding.since}, should have been deleted: is the cleanup-worker running?`,
        CLEAN,
      );
    case 'raw file overwritten':
      return information('an earlier version of it was merged; this one is new input');
    case 'raw files waiting':
      return information(
        `${finding.count} raw files, the oldest for ${age(finding.ageMs)}, are not merged: is the compactor-worker running?`,
      );
    case 'raw file damaged':
      return problem(`${finding.reason}. Merging keeps what can be read, and a copy of the object`);
    case 'set aside':
      return finding.isKept
        ? information(`could not be read whole (${finding.reason}); kept as ${finding.keptAs}`)
        : problem(`could not be read whole (${finding.reason}), and its copy ${finding.keptAs} is gone`);
    case 'stray object':
      return problem(`not a log file's name or content (${finding.problem}): it is in no log. Move or delete it`);
    case 'unknown object':
      return problem('belongs to no pod: it is in no log. Move or delete it');
    case 'more unknown objects':
      return problem(`more than the ${finding.named} objects named begin like this, and belong to no pod`);
    case 'nothing there':
      return information('there is nothing of this pod in the bucket');
  }
}

function orphan(ageMs: number, state: 'young' | 'due' | 'overdue'): Explanation {
  const text = `no metadata lists it, ${age(ageMs)} old: `;
  if (state === 'overdue')
    return {
      severity: 'problem',
      text: `${text}should have been swept: is the cleanup-worker running?`,
      repair: CLEAN,
    };
  const means = state === 'young' ? 'of a merge in flight, or of one that was lost' : 'will be swept';
  return { severity: 'information', text: text + means, repair: undefined };
}

const files = (count: number): string => (count === 1 ? '1 merged file' : `${count.toString()} merged files`);

function age(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes.toString()} min`;
  return minutes < 48 * 60
    ? `${Math.round(minutes / 60).toString()} h`
    : `${Math.round(minutes / 1440).toString()} days`;
}
