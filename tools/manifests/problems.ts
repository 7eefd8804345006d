import { APP_SCHEMAS, JOB_SCHEMAS } from '../lib/app-configs.ts';
import { environmentProblems } from './environment-problems.ts';
import { exposureProblems } from './exposure-problems.ts';
import { referenceProblems } from './reference-problems.ts';
import { appsOf, type Manifest } from './render.ts';
import { schemaProblems } from './schema-problems.ts';
import { portProblems, securityProblems, shutdownProblems, spreadProblems } from './workload-problems.ts';

/** All that is wrong with what would be applied to a cluster. */
export async function manifestProblems(manifests: readonly Manifest[]): Promise<string[]> {
  const misfits = (await Promise.all(manifests.map(schemaProblems))).flat();
  // The other checks rely on the form.
  if (misfits.length > 0) return misfits;
  const apps = appsOf(manifests, Object.keys(APP_SCHEMAS));
  return [
    ...referenceProblems(manifests),
    ...environmentProblems(manifests),
    ...exposureProblems(apps, manifests),
    ...[...apps.values()].flatMap((app) => [
      ...shutdownProblems(app, manifests),
      ...portProblems(app, manifests),
      ...securityProblems(app),
      ...spreadProblems(app),
    ]),
    ...[...appsOf(manifests, Object.keys(JOB_SCHEMAS)).values()].flatMap(securityProblems),
  ];
}
