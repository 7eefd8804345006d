import type { Measured } from '../process/meter.ts';
import type { Row } from '../report/table.ts';
import { yesNo } from '../verdict.ts';

/** Memory and event loop of a process, and the most memory that is asked for, in MB. */
export const processCells = ({ peakRssMb, longestStallMs, p99StallMs }: Measured, targetMb?: number): Row => ({
  peakRss: peakRssMb,
  target: targetMb,
  met: targetMb === undefined ? undefined : yesNo(peakRssMb <= targetMb),
  longestStall: longestStallMs,
  p99Stall: p99StallMs,
});
