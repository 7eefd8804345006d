import { parseArgs } from 'node:util';
import { type Checked, checkBucket, checkPods, type DoctorOptions, repairPod } from '@cordwood/doctor';
import { commitsSafely, createS3ObjectStore, MetadataStore, PrefixedObjectStore } from '@cordwood/log-store';
import { isPodName } from '@cordwood/s3-key-format';
import { loadConfig } from '@cordwood/service';
import { type Command, UsageError } from '../command.ts';
import { type Config, configSchema } from '../config.ts';
import { createReport, type Report } from './doctor-report.ts';

const HELP = `cordwood doctor [pod…] [options]

Checks what lies in the bucket against the pods' metadata, of the named pods or of all, and says what is wrong.
It may run beside the workers. It needs their environment: LOGS_BUCKET, BUCKET_PREFIX, AWS_…, S3_FORCE_PATH_STYLE,
LEGACY_NAMESPACE, CLEANUP_DELAY, ORPHAN_AGE, REORDER_WINDOW, MERGED_FILE_SIZE, MAX_RECORD; not Redis.

  --deep             read the contents of files too, not only the listings
  --repair           repair what can be: metadata that is lost or damaged is rebuilt from the merged files (a damaged one
                     is kept under damaged-metadata/), and what should have been deleted is
  --drop-missing     with --repair: drop the entries of merged files that are gone
  --accept-damage    with --repair: merged files that are damaged (those that only --deep finds: with --deep) are replaced by what
                     can be read of them; where records are lost it is said how many, and the damaged file is kept under damaged/
  --workers-stopped  with --repair on a store without conditional writes: no worker is running
  --json             one JSON object a line
  --help

Exit code: 0 nothing is wrong (any more), 1 something is, 2 it could not be checked, or of a named pod there is nothing at all.
`;

const OPTIONS = {
  deep: { type: 'boolean' },
  repair: { type: 'boolean' },
  'drop-missing': { type: 'boolean' },
  'accept-damage': { type: 'boolean' },
  'workers-stopped': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const NEED_REPAIR = ['drop-missing', 'accept-damage', 'workers-stopped'] as const;

/** Checks and repairs the bucket. */
export const doctor: Command = {
  summary: 'checks the bucket, and repairs it with --repair',
  help: HELP,
  async run(args, context) {
    const { values, pods } = parse(args);
    if (values.help === true) {
      context.out(HELP);
      return 0;
    }
    const config = loadConfig(configSchema, context.env);
    const s3 = createS3ObjectStore({ bucket: config.LOGS_BUCKET, forcePathStyle: config.S3_FORCE_PATH_STYLE });
    try {
      if (values.repair === true && !commitsSafely(await s3.probe(config.BUCKET_PREFIX)) && !values['workers-stopped'])
        throw new UsageError(
          'the store does not honour conditional writes, so that a worker at the same pod could lose records: stop the workers, ' +
            'and say --workers-stopped',
        );
      const options = optionsFrom(config, new PrefixedObjectStore(s3, config.BUCKET_PREFIX), values.deep === true);
      const nowhere: string[] = [];
      const report = createReport(context, values.json === true);
      for await (const checked of pods.length > 0 ? checkPods(options, pods) : checkBucket(options)) {
        report.add(checked);
        if (checked.findings.some(({ kind }) => kind === 'nothing there')) nowhere.push(checked.pod ?? '');
        if (values.repair !== true) continue;
        await repair(options, checked, {
          dropMissing: values['drop-missing'] === true,
          acceptDamage: values['accept-damage'] === true,
          report,
        });
      }
      const code = report.end();
      const missed = nowhere.filter((pod) => pods.includes(pod));
      if (missed.length > 0) throw new UsageError(`there is nothing in the bucket of: ${missed.join(', ')}`);
      return code;
    } finally {
      s3.close();
    }
  },
};

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    const bad = positionals.filter((pod) => !isPodName(pod));
    if (bad.length > 0) throw new UsageError(`no pod can have this name: ${bad.join(', ')}`);
    if (values.repair !== true && NEED_REPAIR.some((name) => values[name] === true))
      throw new UsageError(`${NEED_REPAIR.map((name) => `--${name}`).join(', ')} go with --repair`);
    return { values, pods: [...new Set(positionals)] };
  } catch (error) {
    // What parseArgs throws has such a code.
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (error instanceof Error && code.startsWith('ERR_PARSE_ARGS_')) throw new UsageError(error.message);
    throw error;
  }
}

const optionsFrom = (config: Config, store: PrefixedObjectStore, deep: boolean): DoctorOptions => ({
  store,
  metadata: new MetadataStore(store),
  cleanupDelay: config.CLEANUP_DELAY,
  orphanAge: config.ORPHAN_AGE,
  reorderWindow: config.REORDER_WINDOW,
  mergedFileSize: config.MERGED_FILE_SIZE,
  maxRecord: config.MAX_RECORD,
  legacyNamespace: config.LEGACY_NAMESPACE,
  deep,
});

/** Repairs the pod if there is anything to repair, and looks at it again. */
async function repair(
  options: DoctorOptions,
  { pod, findings }: Checked,
  { report, ...accepted }: { readonly dropMissing: boolean; readonly acceptDamage: boolean; readonly report: Report },
): Promise<void> {
  if (pod === undefined) return;
  let done = 0;
  const onDone = (what: string): void => {
    done++;
    report.done(pod, what);
  };
  await repairPod({ ...options, ...accepted, onDone }, pod, findings);
  if (done === 0) return;
  for await (const again of checkPods(options, [pod])) report.recheck({ pod, findings: again.findings });
}
