import { spawnSync } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The path of the first of these programs that there is. */
export async function findProgram(...names: string[]): Promise<string | undefined> {
  // Debian keeps some programs in sbin, which is not on every user's PATH.
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const name of names) {
    for (const dir of dirs) {
      const path = join(dir, name);
      if (dir !== '' && (await isExecutable(path))) return path;
    }
  }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Installs a package of this distribution, where that can be done; whether it is there now. */
export async function installPackage(name: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !(await findProgram('apt-get'))) return false;
  const aptGet = (...args: string[]) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return spawnSync('apt-get', ['-y', '-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
  };
  const install = () => aptGet('install', '--no-install-recommends', name);
  // The package lists of a fresh machine are often absent or out of date.
  return install() || (aptGet('update') && install());
}
