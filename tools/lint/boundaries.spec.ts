import { beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface LintResult {
  messages: { line: number; ruleId: string; message: string }[];
}

const ROOT = join(import.meta.dirname, '../..');
const FIXTURE = join(ROOT, 'libs/s3-key-format/lint-fixtures/impure.ts');

/** Through Nx, as `npm run lint` does: without its project graph ESLint skips the boundary rule and reports success. */
function lintFixture(): LintResult[] {
  const dir = mkdtempSync(join(tmpdir(), 'cordwood-lint-'));
  try {
    const report = join(dir, 'report.json');
    const nx = join(ROOT, 'node_modules/.bin/nx');
    const args = ['run', '@cordwood/s3-key-format:lint-fixtures', '--output-file', report];
    const run = spawnSync(nx, args, { cwd: ROOT, encoding: 'utf8' });
    if (run.status !== 1) throw new Error(`nx ended with ${run.status}:\n${run.stdout}${run.stderr}`);
    return JSON.parse(readFileSync(report, 'utf8')) as LintResult[];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('the line around pure libraries', () => {
  const lines = readFileSync(FIXTURE, 'utf8').split('\n');
  let reports: string[];

  beforeAll(() => {
    reports = lintFixture().flatMap(({ messages }) => messages.map((m) => `${lines[m.line - 1]} => ${m.ruleId}`));
  });

  test.each([
    ['no-restricted-imports', "from 'node:fs'"],
    ['no-restricted-imports', "from 'os'"],
    ['@nx/enforce-module-boundaries', "from 'express'"],
    ['@nx/enforce-module-boundaries', "from '@cordwood/service'"],
    ['@nx/enforce-module-boundaries', "from '@cordwood/testkit'"],
    ['no-restricted-syntax', "import('node:net')"],
    ['no-restricted-globals', 'process.env'],
    ['no-restricted-globals', 'fetch('],
    ['no-restricted-properties', 'Date.now()'],
    ['no-restricted-syntax', 'new Date()'],
    ['no-restricted-syntax', '= Date()'],
    ['no-restricted-properties', 'Math.random()'],
    ['no-restricted-globals', 'crypto.randomUUID()'],
    ['no-restricted-globals', 'performance.now()'],
    ['no-restricted-globals', 'setTimeout('],
    ['no-restricted-globals', 'globalThis.process'],
  ])('%s reports %s', (rule, code) => {
    expect(reports).toContainEqual(expect.stringContaining(code));
    expect(reports.filter((report) => report.includes(code))).toContainEqual(expect.stringMatching(`=> ${rule}$`));
  });

  test('bytes and dates that come in as values are allowed', () => {
    expect(reports.filter((report) => report.includes('allowed'))).toEqual([]);
  });
});
