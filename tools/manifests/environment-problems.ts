import { ConfigError, loadConfig } from '@cordwood/service';
import { APP_SCHEMAS, JOB_SCHEMAS } from '../lib/app-configs.ts';
import { leftAtDefault, READ_BY_LIBRARIES } from './left-at-default.ts';
import { appsOf, environmentOf, FROM_SECRET, type Manifest } from './render.ts';

/** Good values for what Secrets hold. */
const SECRETS: Readonly<Record<string, string>> = { REDIS_URL: 'redis://:secret@redis.example.com:6379' };

/** Where the environments in the manifests and the schemas of the apps do not fit each other, in either direction. */
export function environmentProblems(manifests: readonly Manifest[]): string[] {
  const schemas = { ...APP_SCHEMAS, ...JOB_SCHEMAS };
  const apps = appsOf(manifests, Object.keys(schemas));
  return Object.entries(schemas).flatMap(([app, schema]) => {
    const workload = apps.get(app);
    if (workload === undefined) return [`${app}: no workload`];
    const environment = environmentOf(workload, manifests);
    const left = leftAtDefault(app, environment['AUTH_MODE']);
    const known = Object.keys(schema.shape);
    const problems = [
      ...Object.keys(environment)
        .filter((name) => !known.includes(name) && !READ_BY_LIBRARIES.includes(name))
        .map((name) => `${name} is no variable of the app`),
      ...known
        .filter((name) => !(name in environment) && !(name in left))
        .map((name) => `${name} is neither set nor listed as left at its default`),
      ...Object.keys(left)
        .filter((name) => name in environment || !known.includes(name))
        .map((name) => `${name} is listed as left at its default, but is set or no variable`),
    ];
    try {
      loadConfig(
        schema,
        Object.fromEntries(
          Object.entries(environment).map(([name, value]) => [
            name,
            value === FROM_SECRET ? (SECRETS[name] ?? 'secret') : value,
          ]),
        ),
      );
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error.message);
    }
    return problems.map((problem) => `${app}: ${problem}`);
  });
}
