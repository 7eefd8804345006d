import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VariableDescription } from '@cordwood/service';
import { APP_CONFIGS } from '../lib/app-configs.ts';
import { cell, pageByApps, tableRow } from './page-by-apps.ts';

export const CONFIGURATION_FILE = join(import.meta.dirname, '../../docs/configuration.md');

/** Variables that the AWS SDK and the Kubernetes client read for themselves. */
const OTHERS = join(import.meta.dirname, 'not-ours.md');

/** What CONFIGURATION_FILE is to hold: all variables of all apps, those of the same apps in one table. */
export async function configurationPage(): Promise<string> {
  checkThatAppsAgree();
  return pageByApps({
    file: CONFIGURATION_FILE,
    introduction: INTRODUCTION,
    columns: ['variable', 'default', 'allowed', 'meaning'],
    rows: Object.fromEntries(Object.entries(APP_CONFIGS).map(([app, described]) => [app, described.map(row)])),
    closing: readFileSync(OTHERS, 'utf8'),
  });
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs:configuration\` from the schemas of the apps; a test compares them. -->

Apps are configured by environment variables alone. One that is empty counts as not set. A wrong value stops a process at start with one message that names
every bad variable, what it holds and what is allowed. \`docker-compose.yml\` and \`deploy/kubernetes\` set those that differ from place to place.`;

/** What each app has in its own way: there it stands for each of them. */
const OF_EACH_APP: ReadonlySet<string> = new Set(['AUTH_MODE', 'OIDC_ISSUER']);

/** Throws Error where apps describe a variable differently. */
function checkThatAppsAgree(): void {
  const known = new Map<string, { readonly app: string; readonly row: string }>();
  for (const [app, described] of Object.entries(APP_CONFIGS)) {
    for (const variable of described) {
      if (OF_EACH_APP.has(variable.name)) continue;
      const before = known.get(variable.name);
      if (before !== undefined && before.row !== row(variable))
        throw new Error(`${variable.name} is another thing in ${app} than in ${before.app}`);
      known.set(variable.name, { app, row: row(variable) });
    }
  }
}

const row = ({ name, default: value, allowed, description, secret }: VariableDescription): string =>
  tableRow([
    `\`${name}\``,
    value === undefined || value === '' ? '' : code(value),
    cell(allowed.replace(/,$/, '')),
    `${cell(description)}${secret === 'all' ? ' Secret.' : ''}`,
  ]);

/** A value as it would be written; words as words. */
const code = (value: string): string => (/\s/.test(value) ? cell(value) : `\`${value}\``);
