import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Manifest, ROOT, takeManifest, type Workload } from './render.ts';
import { describeRendered, KUBECTL, render } from './rendered.ts';

describeRendered('the doctor', () => {
  const manifests = () => render('deploy/kubernetes/overlays/production');
  const jobOf = (name: string) => {
    const { spec } = takeManifest(manifests(), 'CronJob', name) as Manifest & {
      spec: { suspend: boolean; jobTemplate: { spec: Workload['spec'] } };
    };
    return { suspend: spec.suspend, spec: spec.jobTemplate.spec };
  };

  test.each([
    ['doctor', ['--json']],
    ['doctor-repair', ['--json', '--repair']],
  ])('%s runs when somebody wants it to, and repairs only where its name says so', (name, args) => {
    const { suspend, spec } = jobOf(name);
    expect(suspend).toBe(true);
    const [container] = spec.template.spec?.containers ?? [];
    expect(container?.command).toEqual(['node', 'cordwood/main.js', 'doctor']);
    expect(container?.args).toEqual(args);
    // Where each image has the CLI.
    expect(readFileSync(join(ROOT, 'deploy/docker/Dockerfile'), 'utf8')).toContain('/dist/apps/cordwood/ ./cordwood/');
  });

  test('the runbook adds arguments to a Job of it', () => {
    const runbook = readFileSync(join(ROOT, 'docs/runbook.md'), 'utf8');
    const [, patch = ''] = /kubectl patch --local [^]*? -p '([^']*)'/.exec(runbook) ?? [];
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'doctor-now' }, spec: jobOf('doctor').spec };
    const { stdout, stderr } = spawnSync(
      KUBECTL,
      ['patch', '--local', '-f', '-', '--type=json', '-o', 'json', '-p', patch],
      { input: JSON.stringify(job), encoding: 'utf8', env: { ...process.env, KUBECONFIG: '/dev/null' } },
    );
    expect(stderr).toBe('');
    const patched = JSON.parse(stdout) as { spec: Workload['spec'] };
    expect(patched.spec.template.spec?.containers[0]?.args).toEqual(['--json', '--deep', 'my-pod']);
  });
});
