import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem, release } from 'node:os';

/** What the figures were measured on, and how much else it had to do. */
export interface Machine {
  readonly description: string;
  /** Processes that wanted a CPU in the minute before the run. */
  readonly loadBefore: number;
  /** Share of the run's time that the hypervisor gave to others; undefined: not known. */
  readonly stolen: number | undefined;
}

/** More than this, and somebody else was at work. */
const IDLE_LOAD = 0.5;

/** Call it when the run begins; the function given, when it ends. */
export function watchMachine(): () => Machine {
  const loadBefore = loadavg()[0] ?? 0;
  const before = cpuTicks();
  return () => {
    const after = cpuTicks();
    const total = (after?.total ?? 0) - (before?.total ?? 0);
    const memory = `${(totalmem() / 1e9).toFixed(0)} GB`;
    return {
      description: `${cpus().length.toString()} x ${cpus()[0]?.model ?? ''}, ${memory}, Linux ${release()}, Node ${process.version}`,
      loadBefore,
      stolen: total > 0 ? ((after?.steal ?? 0) - (before?.steal ?? 0)) / total : undefined,
    };
  };
}

export const isBusy = ({ loadBefore }: Machine): boolean => loadBefore > IDLE_LOAD;

function cpuTicks(): { readonly total: number; readonly steal: number } | undefined {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const ticks = line.split(/\s+/).slice(1, 9).map(Number);
    return { total: ticks.reduce((sum, n) => sum + n, 0), steal: ticks[7] ?? 0 };
  } catch {
    // Not Linux.
    return undefined;
  }
}
