import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type ObjectStore, StoreError } from '@cordwood/log-store';
import { ContainerLog, type FileSize } from './container-log.ts';
import type { Counts } from './counts.ts';
import type { Journal } from './journal.ts';
import { containerIdOf, rawDirectory, rawName } from './keys.ts';
import { isMerged } from './merged.ts';
import type { Random } from './random.ts';
import type { PodTruth, WrittenFile } from './truth.ts';

export interface FluentBitOptions {
  readonly truth: PodTruth;
  /** Through a fault proxy of the writers' own. */
  readonly store: ObjectStore;
  /** Past all faults. */
  readonly directStore: ObjectStore;
  readonly random: Random;
  readonly counts: Counts;
  readonly journal: Journal;
  /** Its first minute, since 1970. */
  readonly firstMinute: number;
  /** Files that it writes before it ends by itself. */
  readonly files: number;
  /** A pod that writes much. */
  readonly big: boolean;
  /** Whether keys may be written a second time with other content: the store must honour conditions on deletes. */
  readonly overwrites: boolean;
  readonly pauseMs: number;
}

/** A file that is stored later than those after it. */
interface Held {
  readonly file: WrittenFile;
  readonly body: Buffer;
  /** How many files come first. */
  left: number;
  readonly kind: string;
}

/** How often what happens in a minute. */
const KINDS = { plain: 60, late: 8, leftover: 4, doubled: 8, repeated: 6, overwritten: 7, restart: 4 };
/** How long a file may take to be merged before its key is used again regardless. */
const MERGE_WAIT_MS = 15_000;

/** The container runtime and Fluent Bit of one pod: writes its raw files, one per container and simulated minute, with all that goes wrong. */
export class FluentBit {
  /** Nothing is written until then (ms of `performance.now()`): the pod is silent. */
  silentUntil = 0;
  readonly #options: FluentBitOptions;
  #containers: ContainerLog[] = [];
  #held: Held[] = [];
  readonly #keys = new Set<string>();
  readonly #restartMinutes = new Set<number>();
  #minute: number;
  #index = 0;
  #instances = 0;
  #stopping = false;

  constructor(options: FluentBitOptions) {
    this.#options = options;
    this.#minute = options.firstMinute;
  }

  /** Writes until the pod has ended or `stop` was called; what was held back is written in any case. */
  async run(): Promise<void> {
    const { random, truth, files, big, pauseMs } = this.#options;
    await this.#start('main');
    if (random.chance(0.4)) await this.#start('sidecar');
    for (let n = 0; n < files && !this.#stopping; n++) {
      await this.#minuteOf(random.pick(this.#containers));
      this.#minute++;
      // A big pod is big from the beginning.
      if (!(big && n < 16)) await delay(random.between(pauseMs / 2, pauseMs * 1.5));
      while (performance.now() < this.silentUntil && !this.#isOver()) await delay(50);
    }
    await this.lastWord();
    this.#options.journal.note('pod ended', { pod: truth.pod });
  }

  stop(): void {
    this.#stopping = true;
  }

  /** A call, because the compiler does not see that time passes. */
  #isOver(): boolean {
    return this.#stopping;
  }

  /** Ends open lines and writes what was held back. */
  async lastWord(): Promise<void> {
    for (const container of this.#containers) {
      this.#minute++;
      await this.#plain(container, 'small', false);
    }
    await this.#release(Infinity);
  }

  async #minuteOf(container: ContainerLog): Promise<void> {
    const { random, counts, overwrites, big } = this.#options;
    if (random.chance(0.05)) {
      this.#index = 0;
      counts.add('writing', 'index restarts');
    }
    const size: FileSize = random.chance(big ? 0.6 : 0.01) ? (big ? 'large' : 'huge') : 'small';
    const kind = container.isOpen
      ? 'plain'
      : random.weighted({ ...KINDS, overwritten: overwrites ? KINDS.overwritten : 0 });
    await this.#release(1);
    if (kind === 'late' || kind === 'leftover') this.#holdBack(container, size, kind);
    else if (kind === 'doubled' || kind === 'repeated') await this.#twice(container, size, kind);
    else if (kind === 'overwritten') await this.#overwritten(container, size);
    else if (kind === 'restart') await this.#restart(container);
    else await this.#plain(container, size, random.chance(0.2));
  }

  /** A container begins with a file that is nothing but in order: it tells where the instance stands in the whole log. */
  async #start(container: string): Promise<void> {
    const { truth, random } = this.#options;
    const label = `${truth.pod}/${container}/${this.#instances++}`;
    const containerId = containerIdOf(label, String(random.next()));
    const instance = { pod: truth.pod, container, containerId, label, start: this.#minute * 60_000, messages: [] };
    truth.add(instance);
    const log = new ContainerLog(instance, random.fork(label));
    this.#containers.push(log);
    await this.#plain(log, 'small', random.chance(0.2));
    this.#minute++;
  }

  async #restart(old: ContainerLog): Promise<void> {
    this.#containers = this.#containers.filter((container) => container !== old);
    await this.#start(old.instance.container);
    this.#options.counts.add('writing', 'container restarts');
  }

  async #plain(container: ContainerLog, size: FileSize, mayStayOpen: boolean): Promise<void> {
    const file = this.#newFile(container, this.#minute);
    const { text } = container.write(file, this.#minute, { size, mayStayOpen });
    await this.#store(file, this.#encode(text), 'raw files');
  }

  /** The file of this minute comes after some that are written later; as `leftover` its key has the date of then. */
  #holdBack(container: ContainerLog, size: FileSize, kind: 'late' | 'leftover'): void {
    const left = this.#options.random.between(1, 12);
    const keyMinute = kind === 'late' ? this.#minute : this.#restartMinute(this.#minute + left + 3);
    const file = this.#newFile(container, keyMinute);
    const { text } = container.write(file, this.#minute, { size });
    this.#held.push({ file, body: this.#encode(text), left, kind: `${kind} files` });
  }

  /** The same content again: under another key (`doubled`) or the same one (`repeated`), at once or later. */
  async #twice(container: ContainerLog, size: FileSize, kind: 'doubled' | 'repeated'): Promise<void> {
    const file = this.#newFile(container, this.#minute);
    const body = this.#encode(container.write(file, this.#minute, { size }).text);
    await this.#store(file, body, 'raw files');
    const again = kind === 'repeated' ? { ...file } : this.#newFile(container, this.#minute);
    const left = this.#options.random.between(0, 15);
    if (left === 0) await this.#store(again, body, `${kind} files`);
    else this.#held.push({ file: again, body, left, kind: `${kind} files` });
  }

  /** The key is used again with other content, when the first is seen to be merged; or regardless. */
  async #overwritten(container: ContainerLog, size: FileSize): Promise<void> {
    const { random, counts, directStore, truth } = this.#options;
    const first = this.#newFile(container, this.#minute);
    const body = this.#encode(container.write(first, this.#minute, { size }).text);
    const etag = await this.#store(first, body, 'raw files');
    const deadline = performance.now() + (random.chance(0.15) ? 0 : MERGE_WAIT_MS);
    let merged = false;
    while (!this.#stopping && performance.now() < deadline && !merged) {
      merged = await isMerged(directStore, truth.pod, { key: first.key, etag });
      if (!merged) await delay(200);
    }
    // From now on nobody can tell any more whether the first version is still to be had.
    if (!merged) first.mayBeMissing = true;
    const second: WrittenFile = { key: first.key, attemptedAt: undefined, storedAt: undefined, mayBeMissing: false };
    const text = container.write(second, this.#minute, { size: 'small', half: 1 }).text;
    counts.add('writing', merged ? 'overwritten after merging' : 'overwritten before merging');
    await this.#store(second, this.#encode(text), 'raw files');
  }

  /** A minute in which no other buffer was left over: those of one restart vouch for their order by their index. */
  #restartMinute(from: number): number {
    let minute = from;
    while (this.#restartMinutes.has(minute)) minute++;
    this.#restartMinutes.add(minute);
    return minute;
  }

  #newFile(container: ContainerLog, minute: number): WrittenFile {
    const { pod, container: name, containerId } = container.instance;
    const directory = rawDirectory(pod, name, containerId);
    let key: string;
    do {
      // One counter for all that Fluent Bit writes, so it has gaps here.
      this.#index += this.#options.random.between(1, 5);
      key = directory + rawName(minute, this.#index);
    } while (this.#keys.has(key));
    this.#keys.add(key);
    return { key, attemptedAt: undefined, storedAt: undefined, mayBeMissing: false };
  }

  async #release(minutes: number): Promise<void> {
    for (const held of this.#held) held.left -= minutes;
    const due = this.#held.filter(({ left }) => left <= 0);
    this.#held = this.#held.filter(({ left }) => left > 0);
    for (const { file, body, kind } of due) await this.#store(file, body, kind);
  }

  /** Stores the object, again and again until it is confirmed; gives its ETag. */
  async #store(file: WrittenFile, body: Buffer, kind: string): Promise<string> {
    const { store, counts, journal } = this.#options;
    counts.add('writing', kind);
    counts.add('writing', 'bytes', body.length);
    file.attemptedAt ??= performance.now();
    for (;;) {
      try {
        const { etag } = await store.put(file.key, body, { contentType: 'application/gzip' });
        file.storedAt ??= performance.now();
        journal.note('stored', { key: file.key, etag, kind });
        return etag;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        counts.add('writing', 'retries');
        await delay(200);
      }
    }
  }

  #encode(text: string): Buffer {
    const { random, counts } = this.#options;
    const form = random.weighted({ plain: 3, gzip: 3, members: 2 });
    counts.add('raw form', form);
    const bytes = Buffer.from(text);
    if (form === 'plain') return bytes;
    if (form === 'gzip') return gzipSync(bytes);
    // Anywhere, also within a line or a letter.
    const cuts = [0, random.between(1, bytes.length - 1), bytes.length];
    return Buffer.concat(cuts.slice(1).map((end, index) => gzipSync(bytes.subarray(cuts[index], end))));
  }
}
