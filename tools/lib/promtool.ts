import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from './programs.ts';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/cordwood');

/**
 * The promtool that PROMTOOL names, else the one on the PATH, else that of Debian's package `prometheus`; undefined where none can be had.
 * The package is not installed, which would start a server, but taken apart: that needs no rights either.
 */
export async function providePromtool(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const given = env['PROMTOOL'] ?? (await findProgram('promtool'));
  if (given !== undefined) return given;
  const kept = join(CACHE, 'promtool');
  if ((await readdir(CACHE).catch((): string[] => [])).includes('promtool')) return kept;
  await mkdir(CACHE, { recursive: true });
  const dir = await mkdtemp(join(CACHE, 'promtool-'));
  try {
    if (!(await unpack(dir))) return undefined;
    // Whole or not at all, also when two do this at once.
    await rename(join(dir, 'usr/bin/promtool'), kept);
    return kept;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function unpack(dir: string): Promise<boolean> {
  if (!(await findProgram('apt-get')) || !(await findProgram('dpkg-deb'))) return false;
  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  const download = () => run('apt-get', '-qq', 'download', 'prometheus');
  // The package lists of a fresh machine are often absent or out of date.
  if (!download() && !(run('apt-get', '-qq', 'update') && download())) return false;
  const [deb] = await readdir(dir);
  return deb !== undefined && run('dpkg-deb', '--extract', deb, '.');
}
