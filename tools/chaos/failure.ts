import { nameOf, type Problem } from './check.ts';

/** What the run ends with when something is wrong. */
export interface Failure {
  readonly what: string;
  /** Lines that tell more. */
  readonly details: readonly string[];
  readonly pod: string | undefined;
  /** The text that was read, when that is what is wrong. */
  readonly body: string | undefined;
}

export const failure = (what: string, details: readonly string[] = [], pod?: string): Failure => ({
  what,
  details,
  pod,
  body: undefined,
});

/** A failure of one read. */
export function readFailure(read: {
  readonly what: string;
  readonly kind: string;
  readonly app: string;
  readonly pod: string;
  readonly query: string;
  readonly startedAt: number;
  readonly problem?: Problem;
  readonly body?: string;
}): Failure {
  const { message, around = [] } = read.problem ?? {};
  const written = [message?.file, message?.split?.rest].filter((file) => file !== undefined);
  const files = written.map(
    ({ key, attemptedAt, storedAt, mayBeMissing }) =>
      `  ${key}: written ${ago(attemptedAt, read.startedAt)}, confirmed ${ago(storedAt, read.startedAt)}${mayBeMissing ? ', overwritten' : ''}`,
  );
  return {
    what: `${read.pod}: ${read.what}`,
    pod: read.pod,
    body: read.body,
    details: [
      `read: ${read.kind} by ${read.app}, ${read.query}`,
      ...(message === undefined
        ? []
        : [`message: ${nameOf(message)} of ${message.timeText}, container id ${message.instance.containerId}`]),
      ...(files.length === 0 ? [] : ['its files, times relative to the beginning of the read:', ...files]),
      ...(around.length === 0 ? [] : ['text around it:', ...around.map((line) => `  ${line}`)]),
    ],
  };
}

const ago = (at: number | undefined, start: number): string =>
  at === undefined ? 'never' : `${((at - start) / 1000).toFixed(1)} s`;
