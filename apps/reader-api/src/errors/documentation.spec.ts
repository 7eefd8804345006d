import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { logParameters } from '../log/log-parameters.ts';
import { logEndSchema, streamErrorSchema } from '../log/log-schemas.ts';
import { ERRORS } from './catalogue.ts';

const page = await readFile(join(import.meta.dirname, '../../../../docs/api.md'), 'utf8');

/** Cells of the rows below a heading. */
function table(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [first = ''] = section.split('\n## ');
  const rows = first.split('\n').filter((line) => line.startsWith('|'));
  // The first two are the heads of the columns and the line below them.
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('docs/api.md has every error as the catalogue has it, and says what to do', () => {
  const documented = table('Errors');
  const told = documented.map(([code = '', status, when]) => [code.replaceAll('`', ''), Number(status), when]);
  const byCode = (a: (string | number | undefined)[], b: (string | number | undefined)[]) =>
    String(a[0]) < String(b[0]) ? -1 : 1;
  const catalogue = Object.entries(ERRORS).map(([code, { status, when }]) => [code, status, when]);
  expect(told.toSorted(byCode)).toEqual(catalogue.toSorted(byCode));
  for (const [code, , , todo = ''] of documented)
    expect([code, todo]).toEqual([code, expect.stringMatching(/^[A-Z].*\.$/)]);
});

test('docs/api.md has every parameter of a log', () => {
  const documented = table('Parameters of a log').map(([name = '']) => name.replaceAll('`', ''));
  // These two are not of the WebSocket.
  expect(documented.toSorted()).toEqual([...Object.keys(logParameters), 'format', 'download'].toSorted());
});

test.each([
  ['end', logEndSchema],
  ['error', streamErrorSchema],
])('docs/api.md has all that the event %s may hold', (event, schema) => {
  const rows = table('Formats').filter(([name]) => name === `\`${event}\``);
  const documented = rows.flatMap(([, data = '']) => data.match(/\w+/g) ?? []);
  expect([...new Set(documented)].toSorted()).toEqual(Object.keys(schema.shape).toSorted());
});
