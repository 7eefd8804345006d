import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { MUTATIONS } from './mutations.ts';

test.each(MUTATIONS)('$name: what is changed stands in $file exactly once', async ({ file, find }) => {
  expect((await readFile(file, 'utf8')).split(find)).toHaveLength(2);
});
