import { findProgram, installPackage } from './programs.ts';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The Chromium that CHROMIUM names, else the one on the PATH, else (`install`) that of this distribution; undefined where none can be had. */
export async function provideChromium(
  { install }: { readonly install: boolean },
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const given = env['CHROMIUM'];
  if (given) return given;
  const found = await findProgram(...BROWSERS);
  if (found !== undefined || !install) return found;
  process.stderr.write('No chromium found: installing the one of this distribution.\n');
  const installed = (await installPackage('chromium')) ? await findProgram(...BROWSERS) : undefined;
  if (installed === undefined) {
    process.stderr.write('NO CHROMIUM: tests in a browser are skipped. Set CHROMIUM, or put it on the PATH.\n');
  }
  return installed;
}
