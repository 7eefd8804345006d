import { readFileSync } from 'node:fs';

/** The version as the build wrote it in (`define` in tools/build.ts), else that of the checkout this runs from. */
function findVersion(): string {
  const built = process.env['CORDWOOD_VERSION'];
  if (built) return built;
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export const version: string = findVersion();

/** How the processes name themselves to others, such as in User-Agent: `cordwood/0.1.0`. */
export const productVersion = `cordwood/${version}`;
