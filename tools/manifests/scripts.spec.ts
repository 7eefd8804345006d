import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { findProgram } from '../lib/programs.ts';
import { neededSecretKeys, ROOT } from './render.ts';
import { describeRendered, render } from './rendered.ts';

const shellcheck = await findProgram('shellcheck');
if (shellcheck === undefined)
  process.stderr.write('NOTICE: no shellcheck on the PATH: shell scripts are not checked.\n');
const describeShell = shellcheck === undefined ? describe.skip : describe;

const SCRIPT = 'deploy/minikube/cordwood-minikube.sh';

describeShell('shellcheck', () => {
  test.each([SCRIPT, '.ci/run', 'tools/ceph/up.sh', 'tools/ceph/down.sh'])('%s', (script) => {
    const args = ['--severity=info', '--format=gcc', script];
    expect(spawnSync(shellcheck ?? '', args, { cwd: ROOT, encoding: 'utf8' }).stdout).toBe('');
  });
});

const dryRun = (command: string) =>
  execFileSync('bash', [join(ROOT, SCRIPT), '--dry-run', command], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.startsWith('+ '));

describe('cordwood-minikube.sh --dry-run', () => {
  test.each(['start', 'load-images', 'apply', 'status', 'clean', 'stop'])(
    '%s prints commands of one cluster',
    (command) => {
      const lines = dryRun(command);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        expect(line).toMatch(
          /^\+ (minikube .*--profile cordwood|kubectl --context cordwood|docker build|Secret|Namespace)\b/,
        );
      }
    },
  );

  test('it builds the images that the overlay wants, and applies that overlay', () => {
    const built = dryRun('load-images').flatMap((line) => / --tag (\S+) /.exec(line)?.[1] ?? []);
    const [, overlay = ''] = / apply --kustomize (\S+)/.exec(dryRun('apply').join('\n')) ?? [];
    expect(existsSync(join(ROOT, overlay, 'kustomization.yaml'))).toBe(true);
    expect(built).toEqual(
      ['compactor-worker', 'cleanup-worker', 'reader-api', 'queue-dashboard'].map((app) => `cordwood/${app}:minikube`),
    );
  });

  test('anything else is answered with how to use it', () => {
    const { status, stderr } = spawnSync('bash', [join(ROOT, SCRIPT), 'restart'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('usage:');
  });
});

describeRendered('with the overlay', () => {
  test('it makes each Secret that is needed', () => {
    const made = dryRun('apply').filter((line) => line.startsWith('+ Secret '));
    const needed = neededSecretKeys(render('deploy/kubernetes/overlays/minikube'));
    for (const { namespace, secret, key } of needed) {
      expect(made.find((line) => line.includes(` ${namespace}/${secret}:`))).toMatch(new RegExp(` ${key}( |$)`));
    }
  });
});
