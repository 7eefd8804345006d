import './lib/node-version.ts';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyAssets } from './lib/assets.ts';
import { bundle } from './lib/bundle.ts';

/** `node tools/build.ts apps/reader-api` makes dist/apps/reader-api/main.js, and assets/ beside it where the app has some. */
const root = join(import.meta.dirname, '..');
const apps = process.argv.slice(2);
if (apps.length === 0) throw new Error('usage: node tools/build.ts apps/<name> …');

for (const app of apps) {
  const outdir = join(root, 'dist', app);
  await rm(outdir, { recursive: true, force: true });
  await bundle(join(app, 'src/main.ts'), join(outdir, 'main.js'));
  await copyAssets(app, outdir);
}
