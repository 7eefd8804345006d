import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';

/** What the run did, one JSON line each, beside the apps' logs. */
export class Journal {
  readonly dir: string;
  readonly #file: WriteStream;

  constructor(dir: string) {
    this.dir = dir;
    this.#file = createWriteStream(join(dir, 'journal.jsonl'));
  }

  note(what: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#file.write(`${JSON.stringify({ at: new Date().toISOString(), what, ...fields })}\n`);
  }

  close(): void {
    this.#file.end();
  }
}
