import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { CONFIGURATION_FILE, configurationPage } from './configuration.ts';

test('docs/configuration.md tells of the apps as they are: else `npm run docs:configuration`', async () => {
  expect(await readFile(CONFIGURATION_FILE, 'utf8')).toBe(await configurationPage());
});
