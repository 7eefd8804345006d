import { stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT, textsOf } from './named-metrics.ts';

/** Text without what is shown as it is: fenced blocks, where `#` begins a comment and no heading. */
const prose = (text: string): string => text.replace(/^ *```[^]*?^ *```$/gm, '');

/** What a page is entered by: of each heading its letters, digits, `-` and `_`, small, with `-` for blanks; of the second of the same name with `-1`. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(text).matchAll(/^#+ (.*)$/gm)) {
    const anchor = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    anchors.add(before === 0 ? anchor : `${anchor}-${String(before)}`);
  }
  return anchors;
}

test('links of the documentation lead to a file that is there, and to one of its headings', async () => {
  const pages = (await textsOf('README.md', 'CONTRIBUTING.md', 'docs', 'deploy', 'libs/client/README.md')).filter(
    ({ file }) => file.endsWith('.md'),
  );
  const anchors = new Map(pages.map(({ file, text }) => [file, anchorsOf(text)]));
  const dead: string[] = [];
  let links = 0;
  for (const { file, text } of pages)
    for (const [, link = ''] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      links++;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      const there = await stat(target).then(
        () => anchor === undefined || anchors.get(target)?.has(anchor) === true,
        () => false,
      );
      if (!there) dead.push(`${relative(ROOT, file)}: ${link}`);
    }
  expect(links).toBeGreaterThan(100);
  expect(dead).toEqual([]);
});
