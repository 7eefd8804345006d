import { writeFile } from 'node:fs/promises';
import { optionsOrExit } from '../options-or-exit.ts';
import { beginReport } from '../report/begin-report.ts';
import { replaceMarked } from '../report/document.ts';
import { type Report, reportMarkdown } from '../report/report.ts';
import { collect, type ScaleFigures } from './figures.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { loadTables } from './tables/loads.ts';
import { assumptions, partTables } from './tables/parts.ts';
import { podTables } from './tables/pods.ts';

/** `npm run scale`: the figures of docs/scale.md in one run. `-- --help` tells more. */
async function run(options: Options): Promise<{ readonly report: Report; readonly figures: ScaleFigures }> {
  const startedAt = performance.now();
  const finishReport = beginReport('scale');
  const figures = await collect(options, (done) => {
    process.stderr.write(`${((performance.now() - startedAt) / 1e3).toFixed(0)} s: ${done}\n`);
  });
  const report = finishReport([
    ...loadTables(figures, options),
    assumptions(options),
    ...podTables(figures),
    ...partTables(figures),
  ]);
  return { report, figures };
}

const options = optionsOrExit(parseOptions, USAGE);
if (options === undefined) {
  process.stdout.write(`${USAGE}\n`);
} else {
  const { report, figures } = await run(options);
  const markdown = reportMarkdown(report);
  process.stdout.write(`\n${markdown}`);
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify({ options, figures, report }, null, 2));
  if (options.write !== undefined) await replaceMarked(options.write, markdown);
}
