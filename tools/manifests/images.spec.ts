import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { APP_SCHEMAS } from '../lib/app-configs.ts';
import { ROOT } from './render.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const APPS = Object.keys(APP_SCHEMAS).toSorted();

describe('deploy/docker/Dockerfile', () => {
  const dockerfile = read('deploy/docker/Dockerfile');
  const stages = dockerfile.split(/^FROM /m).slice(1);
  const stage = (name: string) => stages.find((text) => text.split('\n')[0]?.endsWith(` AS ${name}`)) ?? '';

  test('has a target for each app, and builds it', () => {
    const targets = stages.flatMap((text) => /^base AS (\S+)/.exec(text)?.[1] ?? []);
    expect(targets.toSorted()).toEqual(APPS);
    const [, built = ''] = /^RUN node tools\/build\.ts (.*)$/m.exec(dockerfile) ?? [];
    expect(built.split(' ').toSorted()).toEqual([...APPS, 'cordwood'].map((app) => `apps/${app}`).toSorted());
    for (const app of APPS) {
      expect(stage(app)).toContain(`COPY --from=build /src/dist/apps/${app}/ ./`);
      expect(stage(app)).toContain(`LABEL org.opencontainers.image.title="Cordwood ${app}"`);
    }
  });

  test('installs from the package.json of each workspace', () => {
    const workspaces = globSync('{apps,libs}/*/package.json', { cwd: ROOT }).toSorted();
    const copied = [...dockerfile.matchAll(/^COPY ((?:apps|libs)\/\S+\/package\.json) /gm)].map(([, path]) => path);
    expect(copied.toSorted()).toEqual(workspaces);
  });

  test('makes images that run without root, say how they are, and what they are', () => {
    expect(stage('base')).toMatch(/^USER 1000:1000$/m);
    expect(stage('base')).toMatch(/^HEALTHCHECK [^]*\/healthz/m);
    for (const label of ['title', 'description', 'licenses']) {
      expect(stage('base')).toContain(`org.opencontainers.image.${label}=`);
    }
  });
});

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly steps?: readonly { readonly uses?: string }[];
        readonly strategy?: { readonly matrix: { readonly app: readonly string[] } };
      }
    >
  >;
}

describe.each(globSync('.github/workflows/*.yml', { cwd: ROOT }))('%s', (path) => {
  const workflow = parse(read(path)) as Workflow;
  const jobs = Object.values(workflow.jobs);

  test('may do no more than read, unless a job says so', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
  });

  test('names a version of each action', () => {
    const actions = jobs.flatMap(({ steps = [] }) => steps.flatMap(({ uses }) => uses ?? []));
    for (const action of actions) expect(action).toMatch(/^[\w.-]+\/[\w./-]+@(?:v\d+|[0-9a-f]{40})/);
  });

  test('builds the images of all apps, where it builds images', () => {
    const matrices = jobs.flatMap(({ strategy }) => (strategy === undefined ? [] : [strategy.matrix.app.toSorted()]));
    expect(matrices).toEqual(matrices.map(() => APPS));
  });
});
