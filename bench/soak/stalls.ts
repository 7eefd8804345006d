import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded before an app (`--import`): writes the longest stretch for which its event loop did not turn, second by second, as lines of
 * JSON to the file SOAK_STALLS. On a busy machine a stretch lasts longer than the app's own work in it: so the CPU time of the main
 * thread between two turns is measured too, and that is what the app is to blame for.
 */

/** One second of an app. Times in ms. */
export interface StallSample {
  readonly at: number;
  /** Longest delay of the event loop, by the clock on the wall. */
  readonly wall: number;
  /** Most CPU time that the main thread used between two turns. */
  readonly cpu: number;
}

const EVERY_MS = 1_000;
const TICK_MS = 5;

const file = process.env['SOAK_STALLS'];
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: TICK_MS });
  delay.enable();
  let last = threadCpuMs();
  let cpu = 0;
  setInterval(() => {
    const now = threadCpuMs();
    cpu = Math.max(cpu, now - last);
    last = now;
  }, TICK_MS).unref();
  setInterval(() => {
    const sample: StallSample = { at: Date.now(), wall: delay.max / 1e6, cpu };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
    delay.reset();
    cpu = 0;
  }, EVERY_MS).unref();
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
