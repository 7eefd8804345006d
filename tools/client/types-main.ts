import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { fetchDocument } from './document.ts';
import { TYPES_FILE, typesFile } from './types-file.ts';

/** `npm run client:types` writes what libs/client is typed with. */
await writeFile(TYPES_FILE, await typesFile(await fetchDocument()));
