import { formatMinute, formatRawKey } from '@cordwood/s3-key-format';

/** For specs: raw files as Fluent Bit writes them, of pod `job-a` in namespace `ns`. */

export const POD = 'job-a';
export const NAMESPACE = 'ns';
export const CONTAINER_ID = 'c'.repeat(64);

/** The first second of the specs' logs. */
export const START = Date.UTC(2026, 10, 20, 10) / 1000;

/** The key of a file that begins `second` seconds after the start. */
export const rawKey = (second: number, index: number, pod = POD): string => rawKeyOf({ pod }, second, index);

/** The same of any container instance. */
export const rawKeyOf = (
  {
    pod = POD,
    namespace = NAMESPACE,
    containerId = CONTAINER_ID,
  }: { pod?: string; namespace?: string; containerId?: string },
  second: number,
  index: number,
): string =>
  formatRawKey({
    pod,
    namespace,
    container: pod,
    containerId,
    date: formatMinute(START + second),
    index: index.toString(),
    logSuffix: true,
    separator: '__',
  });

/** The time of a record, `second` seconds after the start. */
export const timeAt = (second: number): string =>
  `${new Date((START + second) * 1000).toISOString().slice(0, -1)}000001Z`;

/** The message of the record at that second. */
export const messageAt = (second: number): string => `line at second ${second.toString()}`;

/** A body with one record for each of the seconds. */
export const rawBody = (seconds: readonly number[]): Buffer =>
  Buffer.from(
    seconds
      .map((second) => JSON.stringify({ time: timeAt(second), stream: 'stdout', logtag: 'F', log: messageAt(second) }))
      .join('\n') + '\n',
  );

/** The text of these records. */
export const textOf = (seconds: readonly number[]): string =>
  seconds.map((second) => `${messageAt(second)}\n`).join('');
