import { writeFile } from 'node:fs/promises';
import { type Options, parseOptions, USAGE } from './options.ts';
import { optionsOrExit } from './options-or-exit.ts';
import { beginReport } from './report/begin-report.ts';
import { replaceMarked } from './report/document.ts';
import { type Report, reportMarkdown } from './report/report.ts';
import { Tables } from './report/tables.ts';
import { emptyBucket } from './s3.ts';
import { SECTIONS } from './sections.ts';
import { System } from './system.ts';

/** `npm run bench`: the figures of docs/performance.md, and the floors beside them, in one run. `-- --help` tells more. */
async function run({ endpoint, only, repeat }: Options): Promise<Report> {
  const finishReport = beginReport('bench');
  const tables = new Tables();
  const system = await System.start({ endpoint, repeat });
  try {
    for (const [name, section] of Object.entries(SECTIONS)) {
      if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
      const before = performance.now();
      await section(system, tables);
      process.stderr.write(`${name}: ${((performance.now() - before) / 1e3).toFixed(0)} s\n`);
    }
    await emptyBucket(system.s3);
  } finally {
    await system.close();
  }
  return finishReport(tables.all());
}

const options = optionsOrExit(parseOptions, USAGE);
if (options === undefined) {
  process.stdout.write(`${USAGE}\nsections: ${Object.keys(SECTIONS).join(', ')}\n`);
} else {
  const report = await run(options);
  const markdown = reportMarkdown(report);
  process.stdout.write(`\n${markdown}`);
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify(report, null, 2));
  if (options.write !== undefined) await replaceMarked(options.write, markdown);
}
