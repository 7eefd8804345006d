import { createHash } from 'node:crypto';
import { type BodyFiles, type BodyReader, MemoryFiles, type OpenBody } from './files.ts';
import { S3Failure } from './failure.ts';
import { SortedKeys } from './sorted-keys.ts';

/** Everything about an object but its bytes. */
export interface ObjectHead {
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  readonly size: number;
  /** Ms since 1970. */
  readonly lastModified: number;
  /** Headers that S3 gives back as they came: content-type, content-encoding, … */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

export type NewObject = Pick<ObjectHead, 'key' | 'headers' | 'metadata'> & {
  readonly body: Uint8Array;
  /** Given for multipart uploads, whose ETag is not the MD5 of the bytes. */
  readonly etag?: string;
};

export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

interface Entry {
  readonly head: ObjectHead;
  readonly reader: BodyReader;
}

/** The objects of one bucket. Conditions are checked and acted on without a pause in between, so one of several writers wins. */
export class Bucket {
  readonly name: string;
  readonly #files: BodyFiles;
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new SortedKeys();

  constructor(name: string, files: BodyFiles = new MemoryFiles()) {
    this.name = name;
    this.#files = files;
    for (const { head, reader } of files.load()) this.#set({ head, reader });
  }

  get keys(): SortedKeys {
    return this.#keys;
  }

  head(key: string): ObjectHead {
    return this.#entry(key).head;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The object and a way to its bytes that stays good when the object is replaced or deleted afterwards. */
  async open(key: string): Promise<{ head: ObjectHead; body: OpenBody }> {
    for (;;) {
      const { head, reader } = this.#entry(key);
      try {
        return { head, body: await reader.open() };
      } catch (error) {
        // Replaced while we were opening it: then there is another entry now.
        if (this.#entries.get(key)?.reader === reader) throw error;
      }
    }
  }

  async put(object: NewObject, conditions: Conditions = {}): Promise<ObjectHead> {
    const { key, headers, metadata, body } = object;
    const etag = object.etag ?? createHash('md5').update(body).digest('hex');
    const staged = await this.#files.stage(body);
    try {
      this.#checkWrite(key, conditions);
    } catch (error) {
      staged.drop();
      throw error;
    }
    const head: ObjectHead = { key, etag, size: body.length, lastModified: Date.now(), headers, metadata };
    this.#set({ head, reader: staged.commit(head) });
    return head;
  }

  /** True when there is nothing (left); false when `ifMatch` forbade it. */
  delete(key: string, ifMatch?: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return true;
    if (ifMatch !== undefined && !matches(ifMatch, entry.head.etag)) return false;
    this.#entries.delete(key);
    this.#keys.delete(key);
    entry.reader.remove();
    return true;
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new S3Failure(404, 'NoSuchKey', 'The specified key does not exist.');
    return entry;
  }

  #checkWrite(key: string, { ifMatch, ifNoneMatch }: Conditions): void {
    const present = this.#entries.get(key);
    if (ifNoneMatch !== undefined && present !== undefined && matches(ifNoneMatch, present.head.etag)) {
      throw preconditionFailed();
    }
    if (ifMatch !== undefined && !matches(ifMatch, this.#entry(key).head.etag)) throw preconditionFailed();
  }

  #set(entry: Entry): void {
    const { key } = entry.head;
    const replaced = this.#entries.get(key);
    this.#entries.set(key, entry);
    if (replaced === undefined) this.#keys.add(key);
    else replaced.reader.remove();
  }
}

/** An If-Match or If-None-Match header against an ETag without quotes. */
export function matches(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => {
    const wanted = candidate.trim();
    return wanted === '*' || wanted.replace(/^"(.*)"$/, '$1') === etag;
  });
}

export function preconditionFailed(): S3Failure {
  return new S3Failure(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
}
