import { once } from 'node:events';
import { exitWhenUnread, runApp } from '@cordwood/service';
import { compose } from './compose.ts';
import { configSchema } from './config.ts';
import { dryRun } from './dry-run.ts';

const { argv, env, stdout, stderr } = process;
const [argument, ...more] = argv.slice(2);

if (argument === undefined) {
  process.exit(await runApp({ name: 'cleanup-worker', schema: configSchema, env, compose }));
} else if (argument === '--dry-run' && more.length === 0) {
  exitWhenUnread((code) => process.exit(code));
  const code = await dryRun(env, {
    report: async (line) => {
      if (!stdout.write(`${line}\n`)) await once(stdout, 'drain');
    },
    problem: (line) => void stderr.write(`cleanup-worker: ${line}\n`),
  });
  // Ends by itself: `process.exit` might cut off what a pipe has not taken yet.
  process.exitCode = code;
} else {
  const unknown = argument === '--dry-run' ? more[0] : argument;
  stderr.write(
    `cleanup-worker: unknown argument ${JSON.stringify(unknown)}: only --dry-run is allowed (report what RETENTION would delete, and ` +
      `delete nothing); without arguments it works until it is stopped\n`,
  );
  process.exitCode = 2;
}
