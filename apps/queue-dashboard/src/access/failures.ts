import type { Metrics } from '@cordwood/service';
import type { Request } from 'express';
import { ipKeyGenerator, MemoryStore, type Options } from 'express-rate-limit';

const WINDOW_MS = 60_000;

/** Failed sign-ins by address, for a minute at a time, so that nobody finds a password by trying. Each replica counts for itself. */
export interface Failures {
  /** How long the address has to wait, in seconds; undefined: not at all. */
  waitFor(request: Request): Promise<number | undefined>;
  add(request: Request): Promise<void>;
  close(): void;
}

/** `max`: SIGN_IN_LIMIT; undefined: any number. */
export function createFailures(max: number | undefined, metrics: Metrics): Failures {
  const failed = metrics.counter({ name: 'cordwood_dashboard_failed_sign_ins_total', help: 'Sign-ins that failed.' });
  const store = new MemoryStore();
  // Of all options it takes this one.
  store.init({ windowMs: WINDOW_MS } as Options);
  return {
    waitFor: async (request) => {
      const { totalHits, resetTime } = (await store.get(addressOf(request))) ?? { totalHits: 0, resetTime: undefined };
      if (max === undefined || totalHits < max) return undefined;
      return Math.max(1, Math.ceil(((resetTime?.getTime() ?? 0) - Date.now()) / 1_000));
    },
    add: async (request) => {
      failed.inc();
      await store.increment(addressOf(request));
    },
    close: () => store.shutdown(),
  };
}

/** Express goes by TRUST_PROXY. Of an IPv6 address the /56 counts, which is one household's. */
export const addressOf = ({ ip }: Request): string => (ip === undefined ? 'unknown' : ipKeyGenerator(ip));
