import type { Job } from 'bullmq';
import { JobLockLostError } from './errors.ts';

interface Run {
  readonly key: string;
  readonly controller: AbortController;
}

/**
 * The jobs that this process works on: keeps their locks, aborts them, waits for them.
 *
 * One job may have two runs: when its lock ran out (a long outage, a blocked event loop) or Redis lost it, a worker takes it up anew,
 * perhaps in this very process, while the first run goes on. Hence everything here is by run, not by id.
 */
export class RunningJobs {
  readonly #runs = new Set<Run>();
  readonly #followUps = new Set<Promise<void>>();
  readonly #lockDurationMs: number;
  readonly #onRenewal: (queue: string, result: 'renewed' | 'lost') => void;
  #whenIdle: PromiseWithResolvers<void> | undefined;

  /** `onRenewal`: called when a lock was prolonged, or found to be another's. */
  constructor(
    lockDurationMs: number,
    onRenewal: (queue: string, result: 'renewed' | 'lost') => void = () => undefined,
  ) {
    this.#lockDurationMs = lockDurationMs;
    this.#onRenewal = onRenewal;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** Runs a handler, with a signal that aborts when the job must be given up. */
  async run<T>(job: Job<unknown>, token: string | undefined, handler: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run: Run = { key: `${job.queueName}:${job.id ?? ''}`, controller: new AbortController() };
    for (const other of this.#runs) if (other.key === run.key) loseLock(other);
    this.#runs.add(run);
    const stopKeeping = this.#keepLock(run, job, token ?? '');
    try {
      return await handler(run.controller.signal);
    } finally {
      stopKeeping();
      this.#runs.delete(run);
      this.#checkIdle();
    }
  }

  abortAll(reason: Error): void {
    for (const { controller } of this.#runs) controller.abort(reason);
  }

  /** Work that belongs to a job which has ended already. Must not reject. */
  follow(work: Promise<void>): void {
    this.#followUps.add(work);
    void work.finally(() => {
      this.#followUps.delete(work);
      this.#checkIdle();
    });
  }

  /** Resolves when no handler runs and nothing is to follow. */
  idle(): Promise<void> {
    this.#whenIdle ??= Promise.withResolvers();
    const { promise } = this.#whenIdle;
    this.#checkIdle();
    return promise;
  }

  #checkIdle(): void {
    if (this.#runs.size > 0 || this.#followUps.size > 0) return;
    this.#whenIdle?.resolve();
    this.#whenIdle = undefined;
  }

  /** Renews the lock until stopped, or until it is found to be another's. */
  #keepLock(run: Run, job: Job<unknown>, token: string): () => void {
    let timer: NodeJS.Timeout;
    let stopped = false;
    const renewLater = () => {
      if (!stopped) timer = setTimeout(renew, this.#lockDurationMs / 3);
    };
    const renew = () => {
      // While Redis is away this waits, and tells us when it is back whether the lock has run out meanwhile.
      job.extendLock(token, this.#lockDurationMs).then((renewed) => {
        if (stopped) return;
        this.#onRenewal(job.queueName, renewed > 0 ? 'renewed' : 'lost');
        if (renewed > 0) renewLater();
        else loseLock(run);
      }, renewLater);
    };
    renewLater();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }
}

function loseLock({ key, controller }: Run): void {
  controller.abort(new JobLockLostError(`The lock of the job ${key} is lost`));
}
