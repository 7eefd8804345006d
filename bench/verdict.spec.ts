import { describe, expect, it } from '@jest/globals';
import { mergeCells } from './rows/merge.ts';
import { rateCells } from './verdict.ts';

describe('verdicts', () => {
  it('scale a rate’s target by the floor: half the floor, half the target', () => {
    expect(rateCells(80, 52, { reference: 20, target: 150 })).toMatchObject({
      targetHere: 75,
      met: 'yes',
      timesReference: 8,
    });
    expect(rateCells(74, 52, { target: 150 })).toMatchObject({ met: 'no', reference: undefined });
  });

  it('allow a merge to be slower when it stores less', () => {
    const sizes = [
      { atMost: 1.05, target: 95 },
      { atMost: 1.1, target: 115 },
    ];
    const met = (rate: number, storedBytes: number) =>
      mergeCells(rate, 104, { target: 95, sizes }, { files: 1, storedBytes, gzip6Bytes: 100 })['met'];
    expect(met(95, 105)).toBe('yes');
    expect(met(95, 106)).toBe('no');
    expect(met(115, 110)).toBe('yes');
    expect(met(200, 111)).toBe('no');
    expect(met(94, 100)).toBe('no');
  });
});
