import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectHead } from './bucket.ts';

/** An opened body: good until closed, whatever happens to the object. */
export interface OpenBody {
  /** The bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The bytes of one version of an object. */
export interface BodyReader {
  open(): Promise<OpenBody>;
  /** Frees them; readings that have begun go on. */
  remove(): void;
}

/** Where a bucket keeps bytes: staged first, then made to count by `commit`, which does not pause. */
export interface BodyFiles {
  load(): Iterable<{ head: ObjectHead; reader: BodyReader }>;
  stage(body: Uint8Array): Promise<{ commit(head: ObjectHead): BodyReader; drop(): void }>;
}

export class MemoryFiles implements BodyFiles {
  load(): [] {
    return [];
  }

  stage(body: Uint8Array): Promise<{ commit(): BodyReader; drop(): void }> {
    const opened: OpenBody = {
      read: (start, end) => Promise.resolve(body.subarray(start, end)),
      close: () => Promise.resolve(),
    };
    const reader: BodyReader = { open: () => Promise.resolve(opened), remove: () => undefined };
    return Promise.resolve({ commit: () => reader, drop: () => undefined });
  }
}

/**
 * One file of bytes and one of JSON (the head) per version of an object, under names of their own: the head's rename makes the
 * version count, and after a crash the newest head of a key wins.
 */
export class DiskFiles implements BodyFiles {
  readonly #dir: string;
  #sequence = 0;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  *load(): Generator<{ head: ObjectHead; reader: BodyReader }> {
    const names = new Set(readdirSync(this.#dir));
    const found: { head: ObjectHead; sequence: number; name: string }[] = [];
    for (const file of names) {
      const [name = '', kind] = file.split('.');
      if (kind === 'json') {
        const stored = JSON.parse(readFileSync(join(this.#dir, file), 'utf8')) as {
          head: ObjectHead;
          sequence: number;
        };
        found.push({ ...stored, name });
      } else if (!names.has(`${name}.json`)) {
        rmSync(join(this.#dir, file), { force: true });
      }
    }
    found.sort((a, b) => a.sequence - b.sequence);
    this.#sequence = found.at(-1)?.sequence ?? 0;
    for (const { head, name } of found) yield { head, reader: this.#reader(name) };
  }

  async stage(body: Uint8Array): Promise<{ commit(head: ObjectHead): BodyReader; drop(): void }> {
    const name = randomUUID();
    await writeFile(this.#path(name, 'bin'), body);
    return {
      commit: (head) => {
        const half = this.#path(name, 'tmp');
        writeFileSync(half, JSON.stringify({ head, sequence: ++this.#sequence }));
        renameSync(half, this.#path(name, 'json'));
        return this.#reader(name);
      },
      drop: () => rmSync(this.#path(name, 'bin'), { force: true }),
    };
  }

  #reader(name: string): BodyReader {
    return {
      open: async () => {
        const file = await open(this.#path(name, 'bin'));
        return {
          read: async (start, end) => {
            const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
            if (bytesRead !== end - start) throw new Error(`${name}: a file of the embedded S3 is too short`);
            return buffer;
          },
          close: () => file.close(),
        };
      },
      remove: () => {
        rmSync(this.#path(name, 'json'), { force: true });
        rmSync(this.#path(name, 'bin'), { force: true });
      },
    };
  }

  #path(name: string, kind: string): string {
    return join(this.#dir, `${name}.${kind}`);
  }
}
