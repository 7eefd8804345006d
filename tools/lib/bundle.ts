import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** Bundles a program with all its dependencies into one file that plain `node` runs. Paths are relative to the repository. */
export async function bundle(entry: string, outfile: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    inject: [join(import.meta.dirname, 'older-node.ts')],
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
    // Stack traces and metrics show names.
    keepNames: true,
    // V8 keeps the text in memory: two bytes for each character, if a comment has one that is not of Latin-1.
    charset: 'ascii',
    minifyWhitespace: true,
    // Node prints the line that an error comes from.
    lineLimit: 200,
    logLevel: 'warning',
  });
}
