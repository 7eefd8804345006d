import { copyFile, cp, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/**
 * Copies the files of npm packages that an app serves (`cordwood.assets` in its package.json) to assets/ in `outdir`; what ends in a slash is
 * a directory.
 */
export async function copyAssets(app: string, outdir: string): Promise<void> {
  const manifest = join(root, app, 'package.json');
  const { cordwood } = JSON.parse(await readFile(manifest, 'utf8')) as {
    readonly cordwood?: { readonly assets?: readonly string[] };
  };
  for (const asset of cordwood?.assets ?? []) {
    const target = join(outdir, 'assets', asset);
    await mkdir(dirname(target), { recursive: true });
    const { resolve } = createRequire(manifest);
    if (!asset.endsWith('/')) await copyFile(resolve(asset), target);
    else {
      const [, name = '', path = ''] = /^((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(asset) ?? [];
      await cp(join(dirname(resolve(`${name}/package.json`)), path), target, { recursive: true });
    }
  }
}
