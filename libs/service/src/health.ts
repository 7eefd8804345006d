import { toError } from './logger.ts';

/** Resolves when the thing works, rejects when it does not. The signal aborts at the check's timeout. */
export type HealthCheck = (signal: AbortSignal) => void | Promise<void>;

/** What a check has to tell besides whether it passes. */
export type CheckDetails = Readonly<Record<string, string | number | boolean>>;

export interface CheckResult {
  readonly ok: boolean;
  readonly durationMs: number;
  readonly error?: string;
  readonly details?: CheckDetails;
}

/** An answer to a probe, free of any framework. */
export interface HealthReport {
  readonly httpStatus: 200 | 503;
  readonly body: {
    readonly status: 'ok' | 'unavailable' | 'stopping';
    readonly checks: Readonly<Record<string, CheckResult>>;
  };
}

export interface CheckOptions {
  /** In ms; a check that takes longer has failed. Below Kubernetes' own probe timeout. */
  readonly timeoutMs?: number;
  /** Stands in the answer whether the check passes or not. Undefined: nothing to tell (yet). */
  readonly details?: () => CheckDetails | undefined;
}

/** Whether a process works. Readiness: may it get work. Liveness: must it be restarted. */
export interface Health {
  /** @throws Error when the name is taken */
  addReadiness(name: string, check: HealthCheck, options?: CheckOptions): void;
  /** Only for what a restart would mend: never for what is outside of the process. @throws Error when the name is taken */
  addLiveness(name: string, check: HealthCheck, options?: CheckOptions): void;
  readiness(): Promise<HealthReport>;
  liveness(): Promise<HealthReport>;
  /** From now on not ready, whatever the checks say. */
  stopping(): void;
}

export interface HealthOptions {
  /** How long a result stands, in ms, so that probes do not add up to load. */
  readonly cacheMs?: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
}

interface Check {
  readonly check: HealthCheck;
  readonly timeoutMs: number;
  readonly details: (() => CheckDetails | undefined) | undefined;
  last?: { readonly at: number; readonly result: Promise<CheckResult> };
}

export function createHealth({ cacheMs = 1_000, now = () => performance.now() }: HealthOptions = {}): Health {
  const readiness = new Map<string, Check>();
  const liveness = new Map<string, Check>();
  let stopping = false;

  const adder =
    (checks: Map<string, Check>) =>
    (name: string, check: HealthCheck, { timeoutMs = 2_000, details }: CheckOptions = {}) => {
      if (checks.has(name)) throw new Error(`There is already a health check named ${name}`);
      checks.set(name, { check, timeoutMs, details });
    };

  const resultOf = (check: Check): Promise<CheckResult> => {
    if (check.last && now() - check.last.at < cacheMs) return check.last.result;
    const result = runCheck(check, now);
    check.last = { at: now(), result };
    return result;
  };

  const entryOf = async (name: string, check: Check): Promise<[string, CheckResult]> => {
    const result = await resultOf(check);
    const details = check.details?.();
    return [name, details === undefined ? result : { ...result, details }];
  };

  const report = async (checks: Map<string, Check>, stops: boolean): Promise<HealthReport> => {
    const entries = Array.from(checks, ([name, check]) => entryOf(name, check));
    const results = Object.fromEntries(await Promise.all(entries));
    const ok = Object.values(results).every((result) => result.ok);
    const status = stops ? 'stopping' : ok ? 'ok' : 'unavailable';
    return { httpStatus: status === 'ok' ? 200 : 503, body: { status, checks: results } };
  };

  return {
    addReadiness: adder(readiness),
    addLiveness: adder(liveness),
    readiness: () => report(readiness, stopping),
    // A process that is stopping is alive: killing it would cut off what it finishes.
    liveness: () => report(liveness, false),
    stopping: () => void (stopping = true),
  };
}

async function runCheck({ check, timeoutMs }: Check, now: () => number): Promise<CheckResult> {
  const started = now();
  const timeout = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${timeoutMs} ms`);
      timeout.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    // Within an async function, so that a check that throws at once counts like one that rejects.
    await Promise.race([(async () => check(timeout.signal))(), late]);
    return { ok: true, durationMs: Math.round(now() - started) };
  } catch (thrown) {
    return { ok: false, durationMs: Math.round(now() - started), error: toError(thrown).message };
  } finally {
    clearTimeout(timer);
  }
}
