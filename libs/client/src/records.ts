import type { LogLine } from './api-types.ts';

/** A message of a log. */
export interface LogRecord {
  /** As the container runtime wrote it: RFC 3339, with all its digits. */
  readonly time: string;
  /** Unknown of what comes live from Kubernetes. */
  readonly stream?: 'stdout' | 'stderr';
  readonly namespace: string | undefined;
  readonly container: string;
  /** Of the container instance: a restart makes another one. */
  readonly containerId: string;
  /** The message, as it was logged: mostly with a newline at its end. */
  readonly log: string;
  /** Where this message stands: `cursor` of a later query goes on after it. */
  readonly cursor?: string;
}

/** A message, as the API sends it. */
export function toRecord(line: LogLine, cursor?: string): LogRecord {
  const { time, stream, namespace, container, container_id: containerId, log } = line;
  return {
    time,
    ...(stream !== undefined && { stream }),
    namespace,
    container,
    containerId,
    log,
    ...(cursor !== undefined && { cursor }),
  };
}

/** The message as text of a log: with one newline at its end. */
export function toText(
  { time, log }: LogRecord,
  { timestamps = false }: { readonly timestamps?: boolean } = {},
): string {
  return `${timestamps ? `${time} ` : ''}${log}${log.endsWith('\n') ? '' : '\n'}`;
}
