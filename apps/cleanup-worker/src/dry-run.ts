import { retentionReport } from '@cordwood/compaction';
import { createS3ObjectStore, MetadataStore, PrefixedObjectStore } from '@cordwood/log-store';
import { deletesByAge, type ExpiredInstance } from '@cordwood/pod-metadata';
import { ConfigError, type Environment, loadConfig } from '@cordwood/service';
import { dryRunSchema, retentionOf } from './config.ts';

/** Where a dry run writes to; a call returns when the text may be followed by more. */
export interface Output {
  /** The report: JSON, one object a line. */
  readonly report: (line: string) => Promise<void> | void;
  /** What is wrong, for people. */
  readonly problem: (line: string) => void;
}

/**
 * Reports what retention would delete now: a line for every container instance, and one with totals. Needs S3 and nothing else, and
 * changes nothing. Gives the exit code.
 */
export async function dryRun(env: Environment, output: Output): Promise<number> {
  try {
    await report(env, output);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    output.problem(error instanceof ConfigError ? error.message : `${error.name}: ${error.message}`);
    return 1;
  }
}

async function report(env: Environment, output: Output): Promise<void> {
  const config = loadConfig(dryRunSchema, env);
  const { rules } = retentionOf(config);
  if (!deletesByAge(rules)) {
    output.problem(
      'RETENTION is off, and no rule of RETENTION_BY_NAMESPACE deletes anything: all logs are kept for ever.',
    );
  }
  const s3 = createS3ObjectStore({ bucket: config.LOGS_BUCKET, forcePathStyle: config.S3_FORCE_PATH_STYLE });
  try {
    const store = new PrefixedObjectStore(s3, config.BUCKET_PREFIX);
    const totals = { pods: 0, instances: 0, files: 0, records: 0, bytes: 0, unreadable: 0 };
    let lastPod: string | undefined;
    const found = retentionReport({
      store,
      metadata: new MetadataStore(store),
      rules,
      legacyNamespace: config.LEGACY_NAMESPACE,
      onUnreadable: (pod, error) => {
        totals.unreadable++;
        output.problem(`nothing of pod ${pod} is ever deleted: ${error.message}`);
      },
    });
    for await (const { pod, expired } of found) {
      const line = lineOf(pod, expired);
      if (pod !== lastPod) totals.pods++;
      lastPod = pod;
      totals.instances++;
      totals.files += line.files;
      totals.records += line.records;
      totals.bytes += line.bytes;
      await output.report(JSON.stringify(line));
    }
    await output.report(JSON.stringify({ total: totals }));
  } finally {
    s3.close();
  }
}

function lineOf(pod: string, expired: ExpiredInstance) {
  const { namespace, container, containerId, lastRecord, files, damaged, records, bytes, keptFor } = expired;
  return {
    pod,
    namespace,
    container,
    container_id: containerId,
    last_record: new Date(lastRecord).toISOString(),
    files: files.length + damaged.length,
    records,
    bytes,
    reason: `last record older than ${shortest(keptFor)}`,
  };
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A duration as one would write it. */
function shortest(ms: number): string {
  const [unit, length] = UNITS.find(([, each]) => ms % each === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}
