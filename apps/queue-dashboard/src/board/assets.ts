import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where tools/build.ts puts what `cordwood.assets` in package.json names: beside the bundle. */
const BUILT = join(import.meta.dirname, 'assets');

/** The directory of bull-board's page; it has a `dist`. */
export function findBoardUi(built = BUILT): string {
  const beside = join(built, '@bull-board/ui');
  return existsSync(beside) ? beside : dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'));
}
