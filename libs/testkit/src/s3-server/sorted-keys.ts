export interface ListQuery {
  readonly prefix: string;
  readonly delimiter?: string | undefined;
  readonly startAfter?: string | undefined;
  /** From the page before. */
  readonly token?: string | undefined;
  readonly limit: number;
}

export interface KeyPage {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  /** Undefined: that was all. */
  readonly next: string | undefined;
}

/** Sorts after every byte of UTF-8: a prefix and this is a bound above all that begins with the prefix. */
const ABOVE = '\u00ff';

/** Keys in the order of their UTF-8 bytes, as S3 lists them. Kept as Latin-1 strings of these bytes, which compare so by `<`. */
export class SortedKeys {
  readonly #sorted: string[] = [];

  add(key: string): void {
    const bytes = toBytes(key);
    const at = this.#firstFrom(bytes);
    if (this.#sorted[at] !== bytes) this.#sorted.splice(at, 0, bytes);
  }

  delete(key: string): void {
    const bytes = toBytes(key);
    const at = this.#firstFrom(bytes);
    if (this.#sorted[at] === bytes) this.#sorted.splice(at, 1);
  }

  get size(): number {
    return this.#sorted.length;
  }

  page(query: ListQuery): KeyPage {
    const prefix = toBytes(query.prefix);
    const delimiter = toBytes(query.delimiter ?? '');
    const keys: string[] = [];
    const prefixes: string[] = [];
    let at = this.#firstFrom(prefix);
    if (query.startAfter !== undefined) at = Math.max(at, this.#firstAfter(toBytes(query.startAfter)));
    if (query.token !== undefined) at = Math.max(at, this.#firstFrom(fromToken(query.token)));
    for (;;) {
      const key = this.#sorted[at];
      if (key?.startsWith(prefix) !== true) return { keys, prefixes, next: undefined };
      if (keys.length + prefixes.length >= query.limit) return { keys, prefixes, next: toToken(key) };
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (end < 0) {
        keys.push(fromBytes(key));
        at++;
      } else {
        const common = key.slice(0, end + delimiter.length);
        prefixes.push(fromBytes(common));
        at = this.#firstFrom(common + ABOVE);
      }
    }
  }

  /** Index of the first key that is not below the bound. */
  #firstFrom(bound: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? ABOVE) < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #firstAfter(key: string): number {
    const at = this.#firstFrom(key);
    return this.#sorted[at] === key ? at + 1 : at;
  }
}

function toBytes(key: string): string {
  return Buffer.from(key, 'utf8').toString('latin1');
}

function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function toToken(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64url');
}

function fromToken(token: string): string {
  return Buffer.from(token, 'base64url').toString('latin1');
}
