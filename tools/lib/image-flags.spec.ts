import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { IMAGE_FLAGS } from './image-flags.ts';

test('the flags are those of the images', async () => {
  const dockerfile = await readFile('deploy/docker/Dockerfile', 'utf8');
  const commands = [...dockerfile.matchAll(/^CMD (\[.*\])$/gm)].map(
    ([, command]) => JSON.parse(command ?? '') as string[],
  );
  expect(commands).toEqual([['node', ...IMAGE_FLAGS, 'main.js']]);
});
