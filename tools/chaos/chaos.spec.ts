import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

// Two thirds of a minute of chaos, settling, and starting six processes on a busy machine.
const TIMEOUT_MS = 900_000;

test(
  'a short chaos run ends clean',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'cordwood-chaos-spec-'));
    const json = join(dir, 'summary.json');
    const endpoint = process.env['CORDWOOD_TEST_S3'] === 'environment' ? 'environment' : 'embedded';
    const program = join(import.meta.dirname, 'main.ts');
    const args = ['--minutes', '0.7', '--seed', '7', '--endpoint', endpoint, '--json', json];
    const run = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    run.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(run, 'close')) as [number];
    // The output tells what is wrong.
    if (code !== 0) throw new Error(output);
    expect(output).toContain('clean: nothing lost');
    const { counts } = JSON.parse(await readFile(json, 'utf8')) as { counts: Record<string, Record<string, number>> };
    expect(counts['compared']?.['records']).toBeGreaterThan(1_000);
    await rm(dir, { recursive: true });
  },
  TIMEOUT_MS,
);
