import { parseArgs } from 'node:util';

export interface Options {
  readonly endpoint: string | undefined;
  /** Parts of names of sections; empty: all. */
  readonly only: readonly string[];
  readonly json: string | undefined;
  readonly write: string | undefined;
  readonly repeat: number;
}

export const USAGE = `npm run bench -- [options]
  --endpoint URL   measure against this S3 store, with the credentials of the environment, instead of the embedded one; its
                   bucket (LOGS_BUCKET, else logs) is emptied of everything that Cordwood keeps for pods named job-*
  --only TEXT      only sections with this in their names; several: scan,read
  --repeat N       measure CPU times so often, and take the median; default 3
  --json FILE      write the figures as JSON too
  --write FILE     put the tables between the marks of this Markdown file too
  --help           this, and the names of the sections`;

/** @throws TypeError for what is no option */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      endpoint: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      write: { type: 'string' },
      repeat: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1) throw new TypeError('--repeat takes a number from 1 on');
  const only = values.only.split(',').filter((part) => part !== '');
  if (values.write !== undefined && only.length > 0) throw new TypeError('--write needs all rows: leave --only out');
  return { endpoint: values.endpoint, only, json: values.json, write: values.write, repeat };
}
