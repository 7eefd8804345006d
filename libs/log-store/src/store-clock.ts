/** The Date header has whole seconds: an answer may seem this much older than the one before it. */
const HEADER_GRAIN = 1_000;
/** Beyond this the store's clock was really set back, and we follow. */
const SET_BACK = 5_000;

/**
 * The store's clock, read off the Date headers of its answers. Between answers it goes on by the local monotonic clock.
 * It may be up to a second (and the answer's way) behind the store's. It does not go backwards, unless the store's own
 * clock was set back by more than five seconds.
 */
export class StoreClock {
  readonly #elapsed: () => number;
  #seen: { readonly date: number; readonly at: number } | undefined;
  #last = -Infinity;

  /** `elapsed`: a monotonic clock in ms, from any origin. */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** Takes the Date header of an answer that has just arrived; one that cannot be read is passed over. */
  observe(header: string | undefined): void {
    const date = header === undefined ? NaN : Date.parse(header);
    if (Number.isNaN(date)) return;
    const at = this.#elapsed();
    const behind = this.#seen === undefined ? 0 : this.#seen.date + (at - this.#seen.at) - date;
    // The earlier answer came closer to the truth: what this one lacks is the fraction of its second.
    if (behind > 0 && behind <= HEADER_GRAIN) return;
    if (behind > SET_BACK) this.#last = -Infinity;
    this.#seen = { date, at };
  }

  /** Whole ms since 1970; undefined before the first answer. */
  now(): number | undefined {
    if (this.#seen === undefined) return undefined;
    this.#last = Math.max(this.#last, Math.floor(this.#seen.date + (this.#elapsed() - this.#seen.at)));
    return this.#last;
  }
}
