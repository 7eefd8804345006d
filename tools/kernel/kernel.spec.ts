import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { compiledKernel, KERNEL_FILE } from './compile.ts';

test('the compiled kernel is that of its source', async () => {
  expect(await compiledKernel()).toBe(await readFile(KERNEL_FILE, 'utf8'));
});
