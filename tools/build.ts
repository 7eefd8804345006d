import './lib/node-version.ts';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles an app with all its dependencies into one file that plain `node` runs: `node tools/build.ts apps/reader-api`
 * makes dist/apps/reader-api/main.js.
 */
const root = join(import.meta.dirname, '..');
const apps = process.argv.slice(2);
if (apps.length === 0) throw new Error('usage: node tools/build.ts apps/<name> …');

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

for (const app of apps) {
  const outdir = join(root, 'dist', app);
  await rm(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [join(app, 'src/main.ts')],
    outfile: join(outdir, 'main.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    inject: [join(import.meta.dirname, 'lib/older-node.ts')],
    format: 'esm',
    sourcemap: true,
    // Some dependencies are CommonJS and expect these names, which an ES module does not have.
    banner: {
      js: [
        "import { createRequire as __createRequire } from 'node:module';",
        'const require = __createRequire(import.meta.url);',
        'const __filename = import.meta.filename;',
        'const __dirname = import.meta.dirname;',
      ].join('\n'),
    },
    define: { 'process.env.CORDWOOD_VERSION': JSON.stringify(version) },
    // Stack traces and metrics show names; size hardly matters on a server.
    keepNames: true,
    logLevel: 'warning',
  });
}
