/** What was found out, and for how many ms it may be relied on. */
export interface Answer<Value> {
  readonly value: Value;
  readonly ttlMs: number;
}

export interface TtlCacheOptions {
  /** How many answers are kept; those that were not asked for the longest go first. */
  readonly max: number;
  /** A clock in ms that never goes back. */
  readonly now?: () => number;
}

interface Entry<Value> {
  readonly value: Promise<Value>;
  /** Infinity until the answer is there. */
  until: number;
}

/** Answers by key. Who asks for what is being found out already waits for that; an error is nobody's answer for longer. */
export class TtlCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #max: number;
  readonly #now: () => number;

  constructor({ max, now = () => performance.now() }: TtlCacheOptions) {
    this.#max = max;
    this.#now = now;
  }

  /** Rejects with what `find` rejected with. */
  get(key: string, find: () => Promise<Answer<Value>>): Promise<Value> {
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    const entry = known !== undefined && known.until > this.#now() ? known : this.#find(key, find);
    // At the end: it is the last that anybody asked for.
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
    return entry.value;
  }

  #find(key: string, find: () => Promise<Answer<Value>>): Entry<Value> {
    const found = find();
    const entry: Entry<Value> = { value: found.then(({ value }) => value), until: Infinity };
    found.then(
      ({ ttlMs }) => (entry.until = this.#now() + ttlMs),
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry;
  }
}
