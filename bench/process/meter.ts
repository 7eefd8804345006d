import { existsSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What a process took for a piece of work. */
export interface Measured {
  /** Of all its threads: gzip's and the garbage collector's too. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The most memory that the process ever had, libraries included, in MB. */
  readonly peakRssMb: number;
  /** The longest time between two turns of the event loop, in ms; also when it waited for nothing but the timer that asks. */
  readonly longestStallMs: number;
  readonly p99StallMs: number;
}

/** How often the event loop is asked, in ms: the least that any stall can be. */
const RESOLUTION_MS = 5;

/** Measures the process that it is in. */
export class Meter {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private cpu = process.cpuUsage();
  private wall = performance.now();

  start(): void {
    this.delay.enable();
    this.delay.reset();
    this.cpu = process.cpuUsage();
    this.wall = performance.now();
  }

  /** What it took since `start()`. */
  read(): Measured {
    const { user, system } = process.cpuUsage(this.cpu);
    return {
      cpuSeconds: (user + system) / 1e6,
      wallSeconds: (performance.now() - this.wall) / 1e3,
      peakRssMb: peakRssBytes() / 1e6,
      longestStallMs: this.delay.max / 1e6,
      p99StallMs: this.delay.percentile(99) / 1e6,
    };
  }
}

/**
 * Linux's `resourceUsage().maxRSS` begins with that of the parent at the time of the fork, which may be far more than the process
 * itself ever has; the peak of its own address space does not.
 */
function peakRssBytes(): number {
  const own = existsSync('/proc/self/status')
    ? /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    : undefined;
  return 1024 * (own === undefined ? process.resourceUsage().maxRSS : Number(own));
}
