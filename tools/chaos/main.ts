import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { type ChaosOptions, HELP, readOptions } from './options.ts';
import { type ChaosResult, runChaos } from './run.ts';

/** `npm run chaos -- --minutes 10 --seed 7` */
const options = optionsOrExit();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
if (options.help) {
  say(HELP);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const command = `npm run chaos -- --minutes ${options.minutes} --seed ${options.seed}${options.endpoint === 'environment' ? ' --endpoint environment' : ''}`;
say(command);
const result = await runChaos(options, say);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(asJson(result), undefined, 2)}\n`);
say(result.counts.toString());
if (result.settledAfter !== undefined) say(`at rest after ${result.settledAfter.toFixed(1)} s of calm`);
if (result.failure === undefined) say('clean: nothing lost, nothing twice, in order');
else {
  say(`\nFAILED: ${result.failure.what}`);
  for (const line of result.failure.details) say(`  ${line}`);
  say(`all logs: ${result.dir}\nthe same decisions again (processes take their own time): ${command}`);
}
process.exit(result.failure === undefined ? 0 : 1);

function asJson({ counts, settledAfter, failure }: ChaosResult): object {
  const { minutes, seed, endpoint } = options;
  const failed = failure && { what: failure.what, details: failure.details };
  return { minutes, seed, endpoint, counts, settledAfter, clean: failure === undefined, failure: failed };
}

function optionsOrExit(): ChaosOptions {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    process.exit(1);
  }
}
