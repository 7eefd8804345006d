import { parseArgs } from 'node:util';

export interface ChaosOptions {
  readonly help: boolean;
  /** How long things go wrong; settling and the last comparison come after it. */
  readonly minutes: number;
  readonly seed: string;
  /** `embedded`: an S3 server of the run's own. `environment`: the one that the `AWS_*` variables and `LOGS_BUCKET` name. */
  readonly endpoint: 'embedded' | 'environment';
  /** Where the summary is written as JSON too. */
  readonly json: string | undefined;
}

export const HELP = `npm run chaos -- [options]: Cordwood's processes under kills, faults and wrong clocks, while clients read

  --minutes <n>     how long things go wrong, 0.3 to 600 (default 2); then all must come to rest and be exact
  --seed <text>     repeats the decisions of an earlier run; the timing of processes is not repeated (default: a new one)
  --endpoint <e>    embedded (default): an S3 server of its own; environment: that of AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID,
                    AWS_SECRET_ACCESS_KEY, AWS_REGION and LOGS_BUCKET, below a prefix of its own
  --json <file>     writes the summary as JSON too
  --help            this text

Exit code 0: every read was right and everything happened that was to happen. 1: something was not; a folder with all logs is named.
`;

/** @throws TypeError for arguments that do not exist or hold what is not allowed */
export function readOptions(argv: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean', default: false, short: 'h' },
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
      endpoint: { type: 'string', default: 'embedded' },
      json: { type: 'string' },
    },
  });
  const { endpoint } = values;
  const minutes = Number(values.minutes);
  if (!(minutes >= 0.3 && minutes <= 600)) {
    throw new TypeError(`--minutes holds ${values.minutes}: a number from 0.3 to 600 is allowed`);
  }
  if (endpoint !== 'embedded' && endpoint !== 'environment') {
    throw new TypeError(`--endpoint holds ${endpoint}: embedded or environment is allowed`);
  }
  return { help: values.help, minutes, seed: values.seed, endpoint, json: values.json };
}
