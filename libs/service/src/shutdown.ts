import { type Logger, toError } from './logger.ts';

/**
 * In this order. `intake`: take no more work (listening sockets, workers' fetching). `work`: finish or hand back what runs.
 * `connections`: close clients. `ops`: probes and metrics, which are answered until the end.
 * Steps of one group run side by side.
 */
export const SHUTDOWN_GROUPS = ['intake', 'work', 'connections', 'ops'] as const;
export type ShutdownGroup = (typeof SHUTDOWN_GROUPS)[number];

export interface ShutdownBudget {
  /** How long the step may take, in ms. */
  readonly timeoutMs: number;
  /** Aborted when that time is over, or at once when a second signal arrives. */
  readonly signal: AbortSignal;
}

export interface ShutdownStep {
  readonly name: string;
  readonly group: ShutdownGroup;
  /** Less than what is left of the whole, in ms. */
  readonly timeoutMs?: number;
  readonly run: (budget: ShutdownBudget) => void | Promise<void>;
}

export interface Shutdown {
  /** Aborted as soon as the shutdown begins. */
  readonly signal: AbortSignal;
  /** Registers a step. @throws Error when the shutdown has begun: what starts after that must not start */
  add(step: ShutdownStep): void;
  /** Runs the steps, once however often it is called. Resolves to the exit code: 0 when every step ended well and in time. */
  run(reason: string): Promise<number>;
  /** Stops waiting: the promise of `run` resolves to 1 at once. */
  force(reason: string): void;
}

export interface ShutdownOptions {
  /** For everything together, in ms. */
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/** Part of the whole time that is held back for each later group that has steps, so that a slow one leaves them some. */
const RESERVE = 0.08;

export function createShutdown({ timeoutMs, logger }: ShutdownOptions): Shutdown {
  const steps: ShutdownStep[] = [];
  const begun = new AbortController();
  const forced = new AbortController();
  let running: Promise<number> | undefined;

  const runStep = async (step: ShutdownStep, limitMs: number): Promise<boolean> => {
    const stepMs = Math.max(0, Math.round(Math.min(step.timeoutMs ?? Infinity, limitMs)));
    const deadline = new AbortController();
    const signal = AbortSignal.any([deadline.signal, forced.signal]);
    const timer = setTimeout(() => deadline.abort(new Error(`not done within ${stepMs} ms`)), stepMs);
    const late = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(toError(signal.reason)), { once: true });
    });
    try {
      await Promise.race([(async () => step.run({ timeoutMs: stepMs, signal }))(), late]);
      return true;
    } catch (error) {
      logger.error('shutdown step failed', { step: step.name, group: step.group, error });
      return false;
    } finally {
      clearTimeout(timer);
    }
  };

  const runAll = async (reason: string): Promise<number> => {
    const startedAt = performance.now();
    logger.info('shutting down', { reason, timeoutMs });
    begun.abort(new Error(`shutting down: ${reason}`));
    let ok = true;
    const groups = SHUTDOWN_GROUPS.filter((group) => steps.some((step) => step.group === group));
    for (const [index, group] of groups.entries()) {
      if (forced.signal.aborted) return 1;
      const later = groups.length - 1 - index;
      const left = timeoutMs - (performance.now() - startedAt) - later * RESERVE * timeoutMs;
      const results = await Promise.all(
        steps.filter((step) => step.group === group).map((step) => runStep(step, left)),
      );
      ok &&= results.every(Boolean);
    }
    logger.info('stopped', { reason, ok, durationMs: Math.round(performance.now() - startedAt) });
    return ok ? 0 : 1;
  };

  return {
    signal: begun.signal,
    add: (step) => {
      if (running) throw new Error(`Too late to register the shutdown step ${step.name}: shutting down`);
      steps.push(step);
    },
    run: (reason) => (running ??= runAll(reason)),
    force: (reason) => {
      logger.warn('shutdown forced', { reason });
      forced.abort(new Error(`forced: ${reason}`));
    },
  };
}
