import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Kube } from '@cordwood/kube';
import { LiveStream } from './live-stream.ts';
import { ManualClock, MAX_MESSAGE, timeAt } from './spec-support.ts';

const CHUNK = Buffer.from(`${timeAt(0)} ${'x'.repeat(10_000)}\n`);

test('reads ahead of who takes its lines by no more than a little', async () => {
  let given = 0;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      // Only now and then a turn of the event loop: a log whose bytes are all here.
      if (given % 100 === 0) await turn();
      given++;
      yield CHUNK;
    }
  };
  const leaving = new AbortController();
  const stream = new LiveStream({
    kube: { log: async () => Promise.resolve(chunks()) } as unknown as Kube,
    request: { namespace: 'team', pod: 'job-a', container: 'main', follow: true },
    clock: new ManualClock(),
    maxMessage: MAX_MESSAGE,
    signal: leaving.signal,
  });
  let taken = 0;
  for (let round = 0; round < 10; round++) {
    // Nothing but turns of the event loop is needed for all that it reads by itself.
    for (let turns = 0; turns < 100; turns++) await turn();
    // 128 KiB, and the chunk that went beyond.
    expect((given - taken) * CHUNK.length).toBeLessThanOrEqual(128 * 1024 + CHUNK.length);
    const lines = stream.take();
    expect(lines.length).toBeGreaterThan(0);
    taken += lines.length;
  }
  stream.close();
});
