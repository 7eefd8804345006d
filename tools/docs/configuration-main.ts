import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { CONFIGURATION_FILE, configurationPage } from './configuration.ts';

/** `npm run docs:configuration` writes docs/configuration.md. */
await writeFile(CONFIGURATION_FILE, await configurationPage());
