import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { fetchDocument } from './document.ts';
import { TYPES_FILE, typesFile } from './types-file.ts';

test('the client has the types of the API as it is: else `npm run client:types`', async () => {
  expect(await readFile(TYPES_FILE, 'utf8')).toBe(await typesFile(await fetchDocument()));
});
