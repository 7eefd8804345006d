import { setImmediate } from 'node:timers/promises';

/** Longest time, in ms, for which work keeps the event loop before it lets others have their turn. */
const LONGEST_MS = 10;

/** For work that may find all of its input at hand, and so would keep the event loop from health checks, locks and other work. */
export class Pacer {
  private since = performance.now();

  /** To be awaited between pieces of work; waits only when it is time. */
  async pause(): Promise<void> {
    if (performance.now() - this.since < LONGEST_MS) return;
    await setImmediate();
    this.since = performance.now();
  }
}
