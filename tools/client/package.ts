import { execFile } from 'node:child_process';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const source = join(root, 'libs/client');

/** Builds libs/client as a package that can be published; gives the directory. @throws Error with what the compiler says */
export async function buildClient(outdir = join(root, 'dist/libs/client')): Promise<string> {
  await rm(outdir, { recursive: true, force: true });
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [tsc, '-p', join(source, 'tsconfig.build.json'), '--outDir', outdir];
  await run(process.execPath, args).catch((error: unknown) => {
    throw new Error(`tsc: ${(error as { stdout?: string }).stdout ?? ''}`, { cause: error });
  });
  await referToJavaScript(outdir);
  await writeFile(join(outdir, 'package.json'), `${JSON.stringify(await publishedManifest(), null, 2)}\n`);
  await copyFile(join(source, 'README.md'), join(outdir, 'README.md'));
  await copyFile(join(root, 'LICENSE'), join(outdir, 'LICENSE'));
  return outdir;
}

/** tsc leaves `./client.ts` in declarations as it is, which not every version of it can follow to `client.d.ts`. */
async function referToJavaScript(outdir: string): Promise<void> {
  for (const file of (await readdir(outdir)).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(outdir, file);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(/(from '\.\/[^']+)\.ts'/g, "$1.js'"));
  }
}

/** In the repository the package is its sources, which Node runs as they are; outside it is what was built of them. */
async function publishedManifest(): Promise<Record<string, unknown>> {
  const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { nx: _nx, private: _private, exports: _exports, ...rest } = manifest;
  return {
    ...rest,
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    main: './index.js',
    types: './index.d.ts',
    files: ['*.js', '*.d.ts'],
    publishConfig: { access: 'public' },
  };
}
