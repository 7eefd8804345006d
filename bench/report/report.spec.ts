import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { replaceMarked } from './document.ts';
import { toMarkdown } from './table.ts';
import { Tables } from './tables.ts';

describe('tables', () => {
  it('round numbers as the columns say, and leave out columns that are empty', () => {
    const columns = [
      { key: 'work', title: 'work' },
      { key: 'a', title: 'a', digits: 2 },
      { key: 'b', title: 'b', digits: 'all' as const },
      { key: 'c', title: 'c' },
    ];
    const rows = [{ work: 'merge', a: 1.234, b: 0.031 }, { work: 'read' }];
    const text = '### Title\n\n| work | a | b |\n| --- | --- | --- |\n| merge | 1.23 | 0.031 |\n| read |  |  |\n';
    expect(toMarkdown({ title: 'Title', columns, rows })).toBe(text);
  });

  it('show three significant digits where numbers are of all sizes', () => {
    const columns = [{ key: 'a', title: 'a', digits: 'significant' as const }];
    const rows = [{ a: 1_234_567 }, { a: 0.001_234 }, { a: 7 }];
    expect(toMarkdown({ title: 'Title', columns, rows })).toContain('| 1,230,000 |\n| 0.00123 |\n| 7 |');
  });

  it('come in the order of the catalogue, without those that have no rows', () => {
    const tables = new Tables();
    tables.add('processes', { work: 'b' });
    tables.add('floors', { work: 'a' });
    expect(tables.all().map(({ rows }) => rows)).toEqual([[{ work: 'a' }], [{ work: 'b' }]]);
  });
});

describe('replaceMarked', () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cordwood-report-'));
    file = join(dir, 'page.md');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('puts the text between the marks and leaves the rest', async () => {
    await writeFile(file, 'before\n\n<!-- bench: begin -->\n\nold\n\n<!-- bench: end -->\n\nafter\n');
    await replaceMarked(file, 'new');
    expect(await readFile(file, 'utf8')).toBe(
      'before\n\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\n\nafter\n',
    );
  });

  it('refuses a file without marks', async () => {
    await writeFile(file, 'before\n');
    await expect(replaceMarked(file, 'new')).rejects.toThrow('lacks the lines');
    expect(await readFile(file, 'utf8')).toBe('before\n');
  });
});
