import '../lib/node-version.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provideRedis } from '../lib/redis.ts';
import { type Mutation, MUTATIONS } from './mutations.ts';

/**
 * Breaks Cordwood in known ways, one at a time, and shows which specs notice: `npm run mutations [-- part of a name]`. It works on a
 * copy. Prints a Markdown table; fails when a mutation survives, or does not fit the code any more.
 */

const ROOT = join(import.meta.dirname, '../..');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const wanted = process.argv[2] ?? '';

interface Outcome {
  readonly mutation: Mutation;
  /** Failed tests, by spec. */
  readonly caught: ReadonlyMap<string, readonly string[]>;
}

const redis = await provideRedis();
const copy = await mkdtemp(join(tmpdir(), 'cordwood-mutations-'));
try {
  await copySources(copy);
  const outcomes: Outcome[] = [];
  for (const mutation of MUTATIONS.filter(({ name }) => name.includes(wanted))) {
    const outcome = await tryMutation(mutation);
    outcomes.push(outcome);
    const caught = [...outcome.caught].map(([spec, tests]) => `${spec} (${tests.length})`).join(', ');
    console.log(`| ${mutation.name} | ${mutation.invariant} | ${caught || '**nothing**'} |`);
  }
  if (outcomes.length === 0) throw new Error(`no mutation's name holds "${wanted}"`);
  if (outcomes.some(({ caught }) => caught.size === 0)) process.exitCode = 1;
} finally {
  await redis.stop();
  await rm(copy, { recursive: true, force: true });
}

/** The sources as a workspace of its own; packages that are not of the workspace are linked. */
async function copySources(target: string): Promise<void> {
  const left = new Set(['node_modules', 'dist', '.git', '.nx', 'tmp'].map((name) => join(ROOT, name)));
  await cp(ROOT, target, { recursive: true, verbatimSymlinks: true, filter: (source) => !left.has(source) });
  const packages = join(target, 'node_modules');
  await mkdir(packages);
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    const source = join(ROOT, 'node_modules', name);
    // Relative links into the workspace.
    if (name === '@cordwood') await cp(source, join(packages, name), { recursive: true, verbatimSymlinks: true });
    else await symlink(source, join(packages, name));
  }
}

async function tryMutation(mutation: Mutation): Promise<Outcome> {
  const file = join(copy, mutation.file);
  const text = await readFile(file, 'utf8');
  if (text.split(mutation.find).length !== 2) {
    throw new Error(`"${mutation.name}" does not fit ${mutation.file} any more: what it replaces is not there once`);
  }
  await writeFile(
    file,
    text.replace(mutation.find, () => mutation.replace),
  );
  try {
    return { mutation, caught: await runSpecs(mutation.specs) };
  } finally {
    await writeFile(file, text);
  }
}

async function runSpecs(specs: readonly string[]): Promise<Map<string, string[]>> {
  const report = join(copy, 'report.json');
  await rm(report, { force: true });
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const run = spawn(process.execPath, [...flags, jest, '--json', `--outputFile=${report}`, '--silent', ...specs], {
    cwd: copy,
    stdio: 'ignore',
    env: { ...process.env, REDIS_URL: redis.url },
  });
  await once(run, 'exit');
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as {
    testResults: { name: string; message: string; assertionResults: { status: string; fullName: string }[] }[];
  };
  const caught = new Map<string, string[]>();
  for (const { name, message, assertionResults } of testResults) {
    const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    const spec = name.slice(copy.length + 1);
    if (failed.length > 0) caught.set(spec, failed);
    // A spec that does not even load proves nothing.
    else if (message !== '') throw new Error(`${spec} does not run: ${message}`);
  }
  return caught;
}
