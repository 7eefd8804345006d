import type { Random } from './random.ts';
import type { Instance, Message, WrittenFile } from './truth.ts';

/** Times of one file's records lie within this, in ms; the rest of its minute is left to a file that overwrites it. */
const SPAN = 25_000;
const MINUTE = 60_000;
const FILLER = makeFiller();

export type FileSize = 'small' | 'large' | 'huge';

/** A file's text, as Fluent Bit would have it. */
export interface FileText {
  readonly text: string;
  /** Its last line goes on in the next file. */
  readonly open: boolean;
}

interface Part {
  readonly time: number;
  readonly timeText: string;
  readonly log: string;
  readonly stderr: boolean;
  readonly tag: 'P' | 'F';
}

/**
 * The log of one container instance, made up file by file. No two records have the same time, and each message says whose it is and
 * which one; so the right order is that of the times, however files arrive.
 */
export class ContainerLog {
  readonly instance: Instance;
  readonly #random: Random;
  /** A line that the last file left open. */
  #rest: { readonly seq: number; readonly parts: string[]; readonly stderr: boolean } | undefined;

  constructor(instance: Instance, random: Random) {
    this.instance = instance;
    this.#random = random;
  }

  /** Whether the next file begins with the rest of a line. */
  get isOpen(): boolean {
    return this.#rest !== undefined;
  }

  /**
   * The records of a minute (`half` 1: of its second half, for a file that overwrites the first), and enters their messages into the
   * truth. `mayStayOpen`: the last line may go on in the next file, which must then be the next to be delivered.
   */
  write(
    file: WrittenFile,
    minute: number,
    options: { readonly size: FileSize; readonly half?: 0 | 1; readonly mayStayOpen?: boolean },
  ): FileText {
    const { size, half = 0, mayStayOpen = false } = options;
    const { messages } = this.instance;
    const count = { small: this.#random.between(1, 12), large: 64, huge: 40 }[size];
    const begin = minute * MINUTE + half * 30_000;
    // At most three parts per message.
    const clock = new Clock(begin, Math.floor(SPAN / (count * 3 + 3)), this.#random);
    const parts: Part[] = [];
    const rest = this.#rest;
    if (rest !== undefined) {
      this.#rest = undefined;
      const split = messages[rest.seq]?.split;
      if (split === undefined) throw new Error('a line was left open that is not split');
      split.rest = file;
      parts.push({ ...clock.next(), log: rest.parts.join(''), stderr: rest.stderr, tag: 'F' });
    }
    for (let left = count; left > 0; left--) {
      const stays = left === 1 && mayStayOpen;
      // Split lines have another line of the other stream in between, which ends before they do.
      const split = stays || this.#random.chance(0.15);
      const stderr = this.#random.chance(0.3);
      const inBetween = split && left > 1 ? this.#line(messages.length, size) : undefined;
      const own = this.#line(messages.length + (inBetween === undefined ? 0 : 1), size);
      // A beginning that stands for itself must say whose it is.
      const cut = this.#random.between(stays ? own.indexOf(' ') + 1 : 1, own.length - 1);
      const first = clock.next();
      if (split) parts.push({ ...first, log: own.slice(0, cut), stderr, tag: 'P' });
      if (inBetween !== undefined) {
        const at = clock.next();
        parts.push({ ...at, log: inBetween, stderr: !stderr, tag: 'F' });
        this.#enter({ ...at, text: inBetween, file, split: undefined });
        left--;
      }
      this.#enter({
        ...first,
        text: own,
        file,
        split: stays ? { beginning: own.slice(0, cut), rest: undefined } : undefined,
      });
      if (stays) this.#rest = { seq: messages.length - 1, parts: [own.slice(cut)], stderr };
      else if (split) parts.push({ ...clock.next(), log: own.slice(cut), stderr, tag: 'F' });
      else parts.push({ ...first, log: own, stderr, tag: 'F' });
    }
    return { text: parts.map(asLine).join(''), open: this.#rest !== undefined };
  }

  #enter(message: Pick<Message, 'time' | 'timeText' | 'text' | 'file' | 'split'>): void {
    const { messages } = this.instance;
    messages.push({ ...message, instance: this.instance, seq: messages.length });
  }

  #line(seq: number, size: FileSize): string {
    const length = { small: this.#random.between(0, 400), large: 6_000, huge: 26_000 }[size];
    const from = this.#random.between(0, FILLER.length - length);
    return `@${this.instance.label}#${seq} ${FILLER.slice(from, from + length)};`;
  }
}

/** Gives strictly rising times. */
class Clock {
  #at: number;
  readonly #step: number;
  readonly #random: Random;

  constructor(begin: number, step: number, random: Random) {
    this.#at = begin;
    this.#step = step;
    this.#random = random;
  }

  next(): Pick<Part, 'time' | 'timeText'> {
    const time = this.#at;
    this.#at += this.#random.between(1, this.#step);
    const below = String(this.#random.between(0, 999_999)).padStart(6, '0');
    return { time, timeText: new Date(time).toISOString().replace('Z', `${below}Z`) };
  }
}

function asLine({ timeText, log, stderr, tag }: Part): string {
  return `${JSON.stringify({ time: timeText, stream: stderr ? 'stderr' : 'stdout', logtag: tag, log })}\n`;
}

/** Text with what must be escaped, and letters of more than one byte. */
function makeFiller(): string {
  const words = ['epoch', '"loss"', 'C:\\tmp', 'größe', '\t', 'π≈3.14', '步骤', '{"a":[1]}', '100%', '<b>&amp;', '🙂'];
  let text = '';
  for (let n = 0; text.length < 64_000; n++) text += `${words[(n * 7) % words.length] ?? ''} ${(n * 7919) % 10_007} `;
  // A cut must not fall into a pair of surrogates.
  return text.replaceAll('🙂', 'ß');
}
