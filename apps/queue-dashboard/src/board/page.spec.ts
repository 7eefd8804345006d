import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findBoardUi } from './assets.ts';
import { pageOf } from './page.ts';

const TEMPLATE = readFileSync(join(findBoardUi(), 'dist/index.ejs'), 'utf8');

test('bull-board’s page is filled in, and asks nothing of other hosts', () => {
  const page = pageOf(TEMPLATE, '<extra>')({ basePath: '/"<q>/', title: 'T & T', uiConfig: '{"a":1}' });
  expect(page).toContain('<base href="/&quot;&lt;q&gt;/" />');
  expect(page).toContain('<title>T &amp; T</title>');
  expect(page).toContain('type="application/json">{"a":1}</script>');
  expect(page).toContain('<extra></head>');
  expect(page).not.toMatch(/<%|https?:/);
  expect(page).toMatch(/<script defer src="static\/js\/main/);
});

test.each(['<% if (x) { %>', '<img src="https://elsewhere.example/x.png">', '<%= a.b %>'])(
  'a page with %s is none that we know',
  (part) => {
    expect(() => pageOf(TEMPLATE.replace('<body', `${part}<body`), '')).toThrow('not what it was');
  },
);
