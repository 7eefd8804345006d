import { watchMachine } from './machine.ts';
import type { Report } from './report.ts';

/** Begins to watch time and machine for a run of `npm run {script}`. The function that it gives makes the report when the run is over. */
export function beginReport(script: string): (tables: Report['tables']) => Report {
  const startedAt = performance.now();
  const machine = watchMachine();
  const args = process.argv.slice(2);
  return (tables) => ({
    date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    command: [`npm run ${script}`, ...(args.length > 0 ? ['--'] : []), ...args].join(' '),
    seconds: (performance.now() - startedAt) / 1e3,
    machine: machine(),
    tables,
  });
}
