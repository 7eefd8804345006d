import { hasTrustedTimes, mergedRecords, NotFoundError, RawFile } from '@cordwood/log-store';
import { compareInstants, parseTime, recordTime } from '@cordwood/log-record';
import { type LogFile, mergedVersions } from '@cordwood/pod-metadata';
import type { PodState } from './check-pod.ts';
import type { Finding } from './findings.ts';
import type { DoctorOptions } from './options.ts';

/** Raw files up to this size are read with one request. */
const KEEP_UP_TO = 1024 * 1024;

/** Reads every listed file that is there and every raw file that is not merged, and tells what cannot be read as it should. */
export async function checkContents(
  options: DoctorOptions,
  { pod, metadata, objects, raw }: PodState,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const file of metadata.log_files) {
    const reason = objects.has(file.key) ? await problemOf(options, file, signal) : undefined;
    if (reason !== undefined) findings.push({ kind: 'file damaged', pod, key: file.key, reason });
  }
  const isMerged = mergedVersions(metadata);
  for (const object of raw.files) {
    if (isMerged(object)) continue;
    try {
      const file = await RawFile.open(options.store, object, { ...options, keepUpTo: KEEP_UP_TO, signal });
      for await (const _ of file.records());
      if (file.damage !== undefined)
        findings.push({ kind: 'raw file damaged', pod, key: object.key, reason: file.damage });
    } catch (error) {
      // Merged and cleaned in the meantime.
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
  return findings;
}

/** What is wrong with a listed file that is there, as its records tell; undefined: nothing. */
export async function problemOf(
  { store }: Pick<DoctorOptions, 'store'>,
  file: LogFile,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  let problem: string | undefined;
  const first = hasTrustedTimes(file) ? parseTime(file.first_record_time) : undefined;
  const last = hasTrustedTimes(file) ? parseTime(file.last_record_time) : undefined;
  let outside = 0;
  try {
    for await (const records of mergedRecords(store, file, ({ reason }) => (problem = reason), signal)) {
      for (const record of records) {
        const time = recordTime(record);
        if (first !== undefined && compareInstants(time, first) < 0) outside++;
        else if (last !== undefined && compareInstants(time, last) > 0) outside++;
      }
    }
  } catch (error) {
    // Replaced and cleaned in the meantime.
    if (!(error instanceof NotFoundError)) throw error;
  }
  return (
    problem ??
    (outside === 0 ? undefined : `${outside.toString()} records lie outside the times that the metadata says`)
  );
}
