import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findChromium, putRaw, startBrowser, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { buildClient } from './package.ts';

const run = promisify(execFile);
/** A folder in which nothing is but the package, as somebody else has it. */
let dir: string;
let files: string[];
let system: TestSystem;
let url: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cordwood-client-'));
  const built = await buildClient(join(dir, 'built'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', dir], {
    cwd: built,
    env: { ...process.env, npm_config_offline: 'true' },
  });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  files = packed?.files.map(({ path }) => path) ?? [];
  const installed = join(dir, 'node_modules/@cordwood/client');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(dir, packed?.filename ?? ''), '-C', installed, '--strip-components', '1']);
  await writeFile(join(dir, 'package.json'), '{"type": "module"}');

  system = await startTestSystem();
  const messages = Array.from({ length: 300 }, (_, index) => `message ${index}\n`);
  await putRaw(system.store, { pod: 'a-job', index: 0, messages });
  // A page of another origin uses it.
  const app = await system.start('reader-api', { PORT: '0', CORS_ORIGINS: '*' });
  const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
  url = `http://127.0.0.1:${ports.http}`;
});
afterAll(async () => {
  await system.close();
  await rm(dir, { recursive: true, force: true });
});

/** Uses everything that reads. `url` is the service's. */
const PROGRAM = `
  import { CordwoodError, createClient, type LogRecord } from '@cordwood/client';
  export async function use(url: string): Promise<string> {
    const cordwood = createClient({ baseUrl: url });
    const jobs: string[] = [];
    for await (const { name } of cordwood.jobs()) jobs.push(name);
    const containers = (await cordwood.job('a-job')).namespaces.flatMap(({ containers }) => containers.map(({ name }) => name));
    const records: LogRecord[] = [];
    for await (const record of cordwood.log('a-job', { container: 'a-job' })) records.push(record);
    const page = await cordwood.logPage('a-job', { limit: 2, cursor: records[9]?.cursor });
    let code: string | undefined;
    await cordwood.job('none').catch((error: unknown) => {
      if (error instanceof CordwoodError) code = error.code;
    });
    return JSON.stringify({ jobs, containers, records: records.length, page: page.records.map(({ log }) => log), code });
  }
`;
const EXPECTED = {
  jobs: ['a-job'],
  containers: ['a-job'],
  records: 300,
  page: ['message 10\n', 'message 11\n'],
  code: 'job_not_found',
};

test('what is packed', () => {
  expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json', 'index.js', 'index.d.ts']));
  expect(files.filter((file) => file.includes('spec'))).toEqual([]);
});

test.each(['nodenext', 'bundler'])('types, with module resolution %s', async (resolution) => {
  await writeFile(join(dir, 'use.ts'), PROGRAM);
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    // Nobody's own types are needed but those of the browser.
    types: [],
    lib: ['es2022', 'dom'],
    skipLibCheck: false,
    target: 'es2022',
    module: resolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution: resolution,
  };
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', dir], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['', 0]);
});

/** The program as plain JavaScript. */
async function compiled(bundle: boolean): Promise<string> {
  await writeFile(join(dir, 'use.ts'), PROGRAM);
  const outfile = join(dir, bundle ? 'bundle.js' : 'use.mjs');
  await build({
    entryPoints: [join(dir, 'use.ts')],
    outfile,
    bundle,
    format: 'esm',
    platform: 'browser',
    logLevel: 'warning',
  });
  return outfile;
}

// The one that runs this, and the machine's own, which may be as old as the package says.
test.each([process.execPath, 'node'])('in Node: %s', async (node) => {
  await compiled(false);
  const code = `import { use } from './use.mjs'; process.stdout.write(await use(${JSON.stringify(url)}));`;
  const { stdout } = await run(node, ['--input-type=module', '-e', code], { cwd: dir });
  expect(JSON.parse(stdout)).toEqual(EXPECTED);
});

const program = findChromium();
if (program === undefined) process.stderr.write('NO CHROMIUM: the client is not tested in a browser\n');
// Only where no browser can be had; tools/lib/chromium.ts gets one wherever that may be done.
const inBrowser = program === undefined ? describe.skip : describe;

inBrowser('in a browser', () => {
  test('from a page of another origin', async () => {
    const script = await readFile(await compiled(true));
    const pages = createServer((request, response) => {
      const isScript = request.url === '/use.js';
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
      response.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,">');
    }).listen(0, '127.0.0.1');
    await once(pages, 'listening');
    const browser = await startBrowser(program ?? '');
    try {
      const { page } = await browser.open();
      await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
      const used = await page.evaluate<string>(`import('/use.js').then(({ use }) => use(${JSON.stringify(url)}))`);
      expect(JSON.parse(used)).toEqual(EXPECTED);
    } finally {
      await browser.close();
      pages.closeAllConnections();
      await once(pages.close(), 'close');
    }
  });
});
