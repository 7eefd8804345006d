import './lib/node-version.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { delimiter, dirname } from 'node:path';
import { provideChromium } from './lib/chromium.ts';
import { provideKubectl } from './lib/kubectl.ts';
import { findProgram, installPackage } from './lib/programs.ts';
import { provideRedis } from './lib/redis.ts';

/** Runs Jest with a Redis and a browser: `npm test`, `npm test -- libs/queues`, `npm test -- -t 'merge'`. */
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
// Jest needs the flag to load ES modules; the warning that Node prints about it says nothing new.
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

const args = process.argv.slice(2);
const redis = await provideRedis();
try {
  // Some hundred megabytes: not for a few specs that may have nothing to do with a browser.
  const chromium = await provideChromium({ install: args.length === 0 });
  // Makes the certificates of the tests; some machines have only its library.
  if ((await findProgram('openssl')) === undefined && !(await installPackage('openssl'))) {
    process.stderr.write('NO OPENSSL: tests of TLS will fail. Put it on the PATH.\n');
  }
  if (args.length === 0 && (await findProgram('shellcheck')) === undefined && !(await installPackage('shellcheck'))) {
    process.stderr.write('NO SHELLCHECK: shell scripts are not checked. Put it on the PATH.\n');
  }
  // A recent one, for whoever asks the PATH for it; tools/manifests gets it by itself.
  const kubectl = args.length === 0 ? await provideKubectl() : undefined;
  if (args.length === 0 && kubectl === undefined) {
    process.stderr.write('NO KUBECTL: tests of manifests, and with kubectl, are skipped. Put it on the PATH.\n');
  }
  const run = spawn(process.execPath, [...flags, jest, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      REDIS_URL: redis.url,
      ...(chromium !== undefined && { CHROMIUM: chromium }),
      ...(kubectl !== undefined && {
        KUBECTL: kubectl,
        PATH: `${dirname(kubectl)}${delimiter}${process.env['PATH'] ?? ''}`,
      }),
    },
  });
  // Jest ends its workers itself; we stay until it has, so that Redis outlives the tests and not us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal));
  await once(run, 'exit');
  process.exitCode = run.exitCode ?? 1;
} finally {
  await redis.stop();
}
