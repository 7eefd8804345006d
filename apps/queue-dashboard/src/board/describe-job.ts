import { type JobName, type JobSubject, RESULTS, type ResultOf, SUBJECT } from '@cordwood/queues';
import { counted, formatBytes, formatDuration } from './units.ts';

/** What a job looks like to whoever describes it: a part of what BullMQ keeps of it. */
export interface DescribableJob {
  readonly data: unknown;
  readonly progress: unknown;
  readonly returnvalue: unknown;
  readonly failedReason?: string | undefined;
  readonly finishedOn?: number | null | undefined;
  readonly processedOn?: number | null | undefined;
  readonly attemptsMade: number;
}

/** The longest reason of a failure in a row; all of it stands in the job. */
const LONGEST_REASON = 200;

/** The pod that a job is about. */
export function podOf(data: unknown): string | undefined {
  const { pod } = Object(data) as { readonly pod?: unknown };
  return typeof pod === 'string' ? pod : undefined;
}

/** What the job did, when it last did something. */
export function resultOf<Name extends JobName>(name: Name, job: DescribableJob): ResultOf<Name> | undefined {
  // A job that is to run again is not done, and keeps it as its progress.
  for (const value of [job.returnvalue, job.progress]) {
    const { data } = RESULTS[name].safeParse(value);
    if (data !== undefined) return data as ResultOf<Name>;
  }
  return undefined;
}

/** What a job that failed said it was about. */
const subjectOf = ({ progress }: DescribableJob): JobSubject | undefined => SUBJECT.safeParse(progress).data;

/** Those of the pod's logs, as far as a worker told of them. */
function namespacesOf(name: JobName, job: DescribableJob): readonly string[] {
  const result = resultOf(name, job);
  return (result && 'namespaces' in result ? result : subjectOf(job))?.namespaces ?? [];
}

/** A row: of which pod, and what became of it. */
export function describeJob(name: JobName, job: DescribableJob): string {
  const pod = podOf(job.data);
  const namespaces = namespacesOf(name, job);
  const about = pod === undefined ? name : `${name} ${namespaces.length > 0 ? `${namespaces.join(', ')}/` : ''}${pod}`;
  const outcome = outcomeOf(name, job);
  return outcome === undefined ? about : `${about}: ${outcome}`;
}

function outcomeOf(name: JobName, job: DescribableJob): string | undefined {
  const { failedReason, finishedOn, processedOn, attemptsMade } = job;
  if (failedReason) {
    const reason = failedReason.length > LONGEST_REASON ? `${failedReason.slice(0, LONGEST_REASON)}…` : failedReason;
    const tries = attemptsMade > 1 ? ` after ${attemptsMade} tries` : '';
    const took = finishedOn && processedOn ? ` (${formatDuration(finishedOn - processedOn)})` : '';
    const { rawFiles, rawBytes } = subjectOf(job) ?? {};
    const before =
      rawFiles === undefined ? '' : ` with ${counted(rawFiles, 'raw file')} (${formatBytes(rawBytes ?? 0)})`;
    return finishedOn ? `failed${before}${tries}${took}: ${reason}` : `will be tried again${before}${tries}: ${reason}`;
  }
  const result = resultOf(name, job);
  if (result === undefined) return undefined;
  const more = 'result' in result && result.result === 'again' ? '; more is due later' : '';
  return `${workOf(name, result)} in ${formatDuration(result.durationMs)}${more}`;
}

/** The work in words, by job. */
const WORK: { readonly [Name in JobName]: (result: ResultOf<Name>) => string } = {
  scan: ({ pods, enqueued, leftAlone }) =>
    `saw ${counted(pods, 'pod')}, queued ${enqueued}${leftAlone > 0 ? `, left ${leftAlone} alone that failed` : ''}`,
  compact: (done) => {
    const parts = {
      merged: `merged ${counted(done.rawFiles, 'raw file')} (${formatBytes(done.rawBytes)}, ${counted(done.records, 'record')})`,
      cleaned: `deleted ${counted(done.deletedFiles, 'file')}`,
      idle: 'nothing was new',
    };
    const damaged = done.damaged > 0 ? `, ${done.damaged} DAMAGED` : '';
    const left = done.leftRaw > 0 ? `, ${done.leftRaw} left for later` : '';
    return `${parts[done.result]}${damaged}${left}`;
  },
  clean: ({ deletedRaw, deletedSuperseded, deletedOrphans, expiredInstances }) => {
    const deleted = counted(deletedRaw + deletedSuperseded + deletedOrphans, 'file');
    const expired = expiredInstances > 0 ? `, dropped ${counted(expiredInstances, 'old log')}` : '';
    return `deleted ${deleted}${expired}`;
  },
  sweep: ({ pods, due, unreadable }) =>
    `saw ${counted(pods, 'pod')}, queued ${due}${unreadable > 0 ? `, ${unreadable} UNREADABLE` : ''}`,
};

// Generic in the name, so that the compiler sees that work and result belong together.
const workOf = <Name extends JobName>(name: Name, result: ResultOf<Name>): string => WORK[name](result);

/** A result as the details of a job show it; what is none is shown as it is. */
export function describeResult(name: JobName, value: unknown): unknown {
  const data = RESULTS[name].safeParse(value).data ?? SUBJECT.safeParse(value).data;
  if (data === undefined) return value;
  return Object.fromEntries(
    Object.entries(data).map(([key, figure]) => {
      const words = key.replace(/(?:Ms)$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      if (typeof figure !== 'number') return [words, figure];
      if (key === 'durationMs') return [words, formatDuration(figure)];
      return [words, key.endsWith('Bytes') ? formatBytes(figure) : figure];
    }),
  );
}

/** Where the reader shows the pod's log; undefined: of no pod, or no reader is known. */
export function logUrl(readerUrl: string | undefined, name: JobName, job: DescribableJob): string | undefined {
  const pod = podOf(job.data);
  if (readerUrl === undefined || pod === undefined) return undefined;
  const namespaces = namespacesOf(name, job);
  const query = new URLSearchParams({ tail: '1000', timestamps: 'true', follow: 'false' });
  // Of several, the reader says which there are.
  if (namespaces.length === 1) query.set('namespace', namespaces[0] ?? '');
  return `${readerUrl.replace(/\/+$/, '')}/api/v1/jobs/${encodeURIComponent(pod)}/log?${query.toString()}`;
}
