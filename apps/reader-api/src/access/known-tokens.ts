import { createHash } from 'node:crypto';

/** How many tokens are remembered; those that were not used the longest go first. */
const MOST = 10_000;

/** Tokens that were good when they were used last. They prove nothing: each is checked all the same. */
export class KnownTokens {
  // Not the tokens themselves: nothing may find them in our memory for longer than their request.
  readonly #hashes = new Set<string>();

  has(token: string | undefined): boolean {
    return token !== undefined && this.#hashes.has(hash(token));
  }

  add(token: string | undefined): void {
    if (token === undefined) return;
    this.remove(token);
    this.#hashes.add(hash(token));
    const [oldest] = this.#hashes;
    if (this.#hashes.size > MOST && oldest !== undefined) this.#hashes.delete(oldest);
  }

  remove(token: string | undefined): void {
    if (token !== undefined) this.#hashes.delete(hash(token));
  }
}

const hash = (token: string): string => createHash('sha256').update(token).digest('base64');
