import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface DevOptions {
  readonly help: boolean;
  /** Begin with an empty bucket. */
  readonly fresh: boolean;
  /** Folders whose objects are put into the bucket. */
  readonly load: readonly string[];
  readonly samples: boolean;
  /** Where data, logs and the lock are. */
  readonly dataDir: string;
  /** Any free ports instead of the usual ones. */
  readonly anyPorts: boolean;
}

export const HELP = `npm start -- [options]: the whole of Cordwood on this machine

  --fresh           begin anew: empties the bucket of earlier runs
  --load <folder>   put the objects of a fixture folder into the bucket (may be given several times), such as
                    libs/testkit/fixtures/fluent-bit/a_theirs or libs/testkit/fixtures/reference/01-raw-plain
  --no-samples      no sample jobs
  --data <folder>   where bucket, logs and lock are (default .cordwood-dev, or CORDWOOD_DEV_DATA)
  --any-ports       any free ports instead of 8080, 8081, 9000, 9090 to 9093 or the next free ones
  --help            this text

REDIS_URL uses a Redis that runs already, instead of starting a private one. SCAN_INTERVAL, COMPACTION_INTERVAL, CLEANUP_DELAY
and ORPHAN_AGE may be set too; here they are short by default, so that one sees something happen.
`;

const ROOT = join(import.meta.dirname, '..', '..');

/** @throws TypeError for arguments that do not exist */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv): DevOptions {
  const { values } = parseArgs({
    args: [...argv],
    allowNegative: true,
    options: {
      help: { type: 'boolean', default: false, short: 'h' },
      fresh: { type: 'boolean', default: false },
      load: { type: 'string', multiple: true, default: [] },
      samples: { type: 'boolean', default: true },
      data: { type: 'string' },
      'any-ports': { type: 'boolean', default: false },
    },
  });
  return {
    help: values.help,
    fresh: values.fresh,
    load: values.load.map((folder) => resolve(folder)),
    samples: values.samples,
    dataDir: resolve(values.data ?? env['CORDWOOD_DEV_DATA'] ?? join(ROOT, '.cordwood-dev')),
    anyPorts: values['any-ports'],
  };
}
