import { isTimed, type LogRecord } from './record.ts';

/** The records with bytes of their own, as few as they can be: they may be kept without keeping the files' bytes around them. */
export function detachedRecords(records: readonly LogRecord[]): LogRecord[] {
  const bytes = new Uint8Array(records.reduce((size, record) => size + timeLength(record) + logLength(record), 0));
  let at = 0;
  return records.map((record) => {
    const timeStart = at;
    bytes.set(record.timeBytes.subarray(record.timeStart, record.timeEnd), timeStart);
    const timeEnd = timeStart + timeLength(record);
    bytes.set(record.bytes.subarray(record.logStart, record.logEnd), timeEnd);
    at = timeEnd + logLength(record);
    return { ...record, bytes, timeBytes: bytes, timeStart, timeEnd, logStart: timeEnd, logEnd: at };
  });
}

export const detachedRecord = (record: LogRecord): LogRecord => detachedRecords([record])[0] ?? record;

const timeLength = ({ timeStart, timeEnd }: LogRecord): number => timeEnd - timeStart;
const logLength = ({ logStart, logEnd }: LogRecord): number => logEnd - logStart;

/**
 * The line whose parts these are, as one record: it has the time of its first part, and stands where the last one does. (Where the first
 * part has no time of its own, its ordering time is all that tells the line's time, and is kept.)
 */
export function joinParts(parts: readonly LogRecord[]): LogRecord {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) throw new Error('a line without parts');
  const bytes = new Uint8Array(parts.reduce((size, part) => size + logLength(part), 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.bytes.subarray(part.logStart, part.logEnd), at);
    at += logLength(part);
  }
  const { orderSeconds, orderNanos } = isTimed(first) ? last : first;
  return {
    ...first,
    bytes,
    logStart: 0,
    logEnd: at,
    escaped: parts.some(({ escaped }) => escaped),
    part: '',
    orderSeconds,
    orderNanos,
  };
}
