import { expect, test } from '@jest/globals';
import { Pacer } from './pacer.ts';

test('work that lasts lets the event loop turn; a short piece goes on at once', async () => {
  let turns = 0;
  const count = (): void => void (turns++, (immediate = setImmediate(count)));
  let immediate = setImmediate(count);
  try {
    const pacer = new Pacer();
    await pacer.pause();
    expect(turns).toBe(0);
    for (let piece = 1; piece <= 3; piece++) {
      const until = performance.now() + 11;
      while (performance.now() < until);
      await pacer.pause();
      expect(turns).toBeGreaterThanOrEqual(piece);
    }
  } finally {
    clearImmediate(immediate);
  }
});
