import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VariableDescription } from '@cordwood/service';
import { format, resolveConfig } from 'prettier';
import { APP_CONFIGS } from '../lib/app-configs.ts';

export const CONFIGURATION_FILE = join(import.meta.dirname, '../../docs/configuration.md');

/** Variables that the AWS SDK and the Kubernetes client read for themselves. */
const OTHERS = join(import.meta.dirname, 'not-ours.md');

/** What CONFIGURATION_FILE is to hold: all variables of all apps, those of the same apps in one table. */
export async function configurationPage(): Promise<string> {
  const apps = Object.keys(APP_CONFIGS);
  const byApps = Map.groupBy(variables().values(), ({ users }) => users.join(', '));
  const sections = [...byApps]
    .toSorted(([, [a]], [, [b]]) => (b?.users.length ?? 0) - (a?.users.length ?? 0))
    .map(([users, list]) => section(list[0]?.users.length === apps.length ? 'All apps' : users, list));
  const page = [INTRODUCTION, ...sections, readFileSync(OTHERS, 'utf8')].join('\n\n');
  return format(page, { ...(await resolveConfig(CONFIGURATION_FILE)), filepath: CONFIGURATION_FILE });
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs:configuration\` from the schemas of the apps; a test compares them. -->

Apps are configured by environment variables alone. One that is empty counts as not set. A wrong value stops a process at start with one message that names
every bad variable, what it holds and what is allowed. \`docker-compose.yml\` and \`deploy/kubernetes\` set those that differ from place to place.`;

interface Variable extends VariableDescription {
  readonly users: readonly string[];
}

/** What each app has in its own way: there it stands for each of them. */
const OF_EACH_APP: ReadonlySet<string> = new Set(['AUTH_MODE', 'OIDC_ISSUER']);

/** Every variable once, with the apps that have it. Throws Error where apps describe it differently. */
function variables(): ReadonlyMap<string, Variable> {
  const all = new Map<string, Variable>();
  for (const [app, described] of Object.entries(APP_CONFIGS)) {
    for (const variable of described) {
      const key = OF_EACH_APP.has(variable.name) ? `${variable.name} of ${app}` : variable.name;
      const known = all.get(key);
      if (known !== undefined && row(known) !== row(variable))
        throw new Error(`${variable.name} is another thing in ${app} than in ${known.users.join(', ')}`);
      all.set(key, { ...variable, users: [...(known?.users ?? []), app] });
    }
  }
  return all;
}

const section = (title: string, list: readonly VariableDescription[]): string =>
  [`## ${title}`, '', '| variable | default | allowed | meaning |', '| --- | --- | --- | --- |', ...list.map(row)].join(
    '\n',
  );

const row = ({ name, default: value, allowed, description, secret }: VariableDescription): string =>
  `| \`${name}\` | ${value === undefined || value === '' ? '' : code(value)} | ${cell(allowed)} | ${cell(description)}${secret === 'all' ? ' Secret.' : ''} |`;

/** A value as it would be written; words as words. */
const code = (value: string): string => (/\s/.test(value) ? cell(value) : `\`${value}\``);

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('*', '\\*').replace(/,$/, '');
