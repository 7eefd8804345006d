import { isBegun, isWhole, type Instance, type Message, type PodTruth } from './truth.ts';

/** A read that ended well. */
export interface Read {
  /** What was asked: `whole`, `since`, … */
  readonly kind: string;
  readonly container: string;
  readonly timestamps: boolean;
  /** ms since 1970. */
  readonly since: number | undefined;
  readonly startedAt: number;
  readonly body: string;
}

/** The first thing that is wrong with a read. */
export interface Problem {
  readonly what: string;
  readonly message: Message | undefined;
  /** Some lines around the place in the text, shortened; the place itself is marked. */
  readonly around: readonly string[];
}

const LINE = /^(?:(\S+) )?@([^#\s]+)#(\d+) /;
const AROUND = 4;

/** Compares a read with what was written: all there, nothing twice, nothing unknown, in order, parts joined. */
export function check(truth: PodTruth, read: Read): { readonly compared: number; readonly problem?: Problem } {
  const lines = read.body.split('\n');
  const problemAt = (line: number, what: string, message?: Message) => ({
    compared: line,
    problem: { what, message, around: linesAround(lines, line) },
  });
  if (lines.pop() !== '') return problemAt(lines.length, 'the last line has no end');

  const byLabel = new Map(truth.instances.map((instance) => [instance.label, instance]));
  const shown = new Set<Message>();
  let previous: Message | undefined;
  for (const [at, line] of lines.entries()) {
    const found = lookUp(line, byLabel);
    if (found === undefined) return problemAt(at, 'a line that nobody wrote');
    const { message, timeText, text } = found;
    const wrong = wrongText(message, text, read) ?? wrongPlace(message, previous, shown);
    if (wrong !== undefined) return problemAt(at, wrong, message);
    if (read.timestamps ? timeText !== message.timeText : timeText !== undefined) {
      return problemAt(at, `its time is ${message.timeText}`, message);
    }
    shown.add(message);
    previous = message;
  }
  const missing = truth.messages(read.container).find((message) => isRequired(message, read) && !shown.has(message));
  if (missing === undefined) return { compared: lines.length };
  const next = lines.findIndex((line) => {
    const message = lookUp(line, byLabel)?.message;
    return message !== undefined && isBefore(missing, message);
  });
  return problemAt(next < 0 ? lines.length : next, `missing: ${nameOf(missing)}, which belongs here`, missing);
}

const isSince = (message: Message, { since }: Read): boolean => since === undefined || message.time >= since;
const isRequired = (message: Message, read: Read): boolean =>
  isBegun(message, read.startedAt) && isSince(message, read);

const isBefore = (a: Message, b: Message): boolean =>
  a.instance === b.instance ? a.seq < b.seq : a.instance.start < b.instance.start;

function lookUp(line: string, byLabel: ReadonlyMap<string, Instance>) {
  const [, timeText, label = '', seq] = LINE.exec(line) ?? [];
  const message = byLabel.get(label)?.messages[Number(seq)];
  if (message === undefined) return undefined;
  return { message, timeText, text: timeText === undefined ? line : line.slice(timeText.length + 1) };
}

function wrongText(message: Message, text: string, read: Read): string | undefined {
  if (!isSince(message, read)) return 'older than since';
  if (read.container !== '*' && message.instance.container !== read.container) return 'of another container';
  const { file, split } = message;
  if (text === message.text) {
    const last = split === undefined ? file : split.rest;
    return last?.attemptedAt === undefined ? 'not written yet' : undefined;
  }
  // A line whose rest is not there yet stands as far as it is known.
  if (text === split?.beginning) return isWhole(message, read.startedAt) ? 'only its first part is shown' : undefined;
  return `its text is not as it was written: ${text.length} long instead of ${message.text.length}`;
}

function wrongPlace(message: Message, previous: Message | undefined, shown: ReadonlySet<Message>): string | undefined {
  if (shown.has(message)) return 'shown twice';
  if (previous !== undefined && !isBefore(previous, message))
    return `out of order: it belongs before ${nameOf(previous)}`;
  return undefined;
}

export const nameOf = ({ instance, seq }: Message): string => `${instance.label}#${seq}`;

function linesAround(lines: readonly string[], at: number): string[] {
  const from = Math.max(0, at - AROUND);
  return lines.slice(from, at + AROUND).map((line, index) => {
    const number = from + index;
    const shortened = line.length > 100 ? `${line.slice(0, 80)}… (${line.length})` : line;
    return `${number === at ? '>' : ' '} ${number + 1}: ${shortened}`;
  });
}
