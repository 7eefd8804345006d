import { describe, expect, it } from '@jest/globals';
import { parseOptions } from './options.ts';

describe('options', () => {
  it('change what they name, and nothing else', () => {
    const options = parseOptions([
      ...['--price', 'put=0.0055,cpu=0.1', '--interval', 'compaction=2h,retention=off'],
      ...['--latency', 'getMs=5', '--limit', 'writes=100', '--mix', 'short=0.5,hour=0.5,chatty=0', '--jobs', '5000'],
    ]);
    expect(options).toMatchObject({
      jobs: 5_000,
      tb: 10,
      prices: { put: 0.0055, cpu: 0.1, get: 0.0004, storage: 0.023 },
      intervals: { compaction: 7_200_000, retention: undefined, scan: 60_000 },
      latency: { getMs: 5, putMs: 40 },
      limits: { writes: 100, reads: 5_500 },
      mix: { short: 0.5, hour: 0.5, chatty: 0 },
    });
  });

  it.each([
    [['--price', 'putt=1'], 'putt is none of storage, put'],
    [['--price', 'put=cheap'], '--price put takes a number'],
    [['--price', 'put='], '--price put takes a number'],
    [['--interval', 'scan=soon'], '--interval scan takes a duration'],
    [['--interval', 'scan=off'], '--interval scan takes a duration'],
    [['--mix', 'short=0.5'], 'make 0.7, not 1'],
    [['--seeds', '1'], 'seeds'],
  ])('%j is refused', (args, message) => {
    // What Node throws is of another realm here.
    expect(() => parseOptions(args)).toThrow(expect.objectContaining({ name: 'TypeError' }));
    expect(() => parseOptions(args)).toThrow(message);
  });
});
