import { REFERENCE_FLOOR } from './floor.ts';
import type { Row } from './report/table.ts';

/** A rate in MB of raw log per CPU-second, and what is asked of it. */
export interface RateGoal {
  readonly reference?: number;
  readonly target?: number;
}

/** Cells of a rate: the target is scaled by what the floor is on this machine, in this minute. */
export function rateCells(rate: number, floor: number, { reference, target }: RateGoal): Row {
  const here = target === undefined ? undefined : scaled(target, floor);
  return {
    rate,
    floor,
    reference,
    timesReference: reference === undefined ? undefined : rate / floor / (reference / REFERENCE_FLOOR),
    target,
    targetHere: here,
    met: here === undefined ? undefined : yesNo(rate >= here),
  };
}

/** A target for a rate as it has to be on this machine. */
export const scaled = (target: number, floor: number): number => target * (floor / REFERENCE_FLOOR);

export const yesNo = (met: boolean): string => (met ? 'yes' : 'no');
