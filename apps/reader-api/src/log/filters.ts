import { type LogRecord, maxMessageLength, writeMessage } from '@cordwood/log-record';
import { RE2JS, RE2JSException } from 're2js';
import { ApiError } from '../errors/catalogue.ts';
import { shown } from '../http/query.ts';

/** Which messages are wanted, by their text. */
export interface TextFilters {
  /** Text that a message holds. */
  readonly contains: string | undefined;
  /** A regular expression that fits some part of a message. */
  readonly regex: string | undefined;
}

/**
 * How large a regular expression may be when compiled, in instructions: matching takes a step of each for a character in the worst case, and
 * while it does nobody else is served.
 */
const MAX_PROGRAM = 250;
/**
 * Matching may take so many ms, and so many more for each byte: some small expressions (`[ab]*a[ab]{60}[cd]`) take two hundred times as long as usual
 * ones, and a whole log of that would keep everybody else waiting.
 */
const BUDGET_MS = 5_000;
const BUDGET_MS_PER_BYTE = 0.0005;

/**
 * True for messages that pass all filters; undefined: there are none. Throws ApiError for a regular expression that is none; so does the
 * filter itself when matching takes too long in all. `now`: in ms.
 */
export function textFilter(
  { contains, regex }: TextFilters,
  now: () => number = () => performance.now(),
): ((message: LogRecord) => boolean) | undefined {
  const tests = [
    ...(contains === undefined ? [] : [containing(contains)]),
    ...(regex === undefined ? [] : [matching(compile(regex), now)]),
  ];
  if (tests.length === 0) return undefined;
  return (message) => {
    const text = textOf(message);
    return tests.every((test) => test(text));
  };
}

type Test = (text: Buffer) => boolean;

function containing(words: string): Test {
  const bytes = Buffer.from(words);
  return (text) => text.includes(bytes);
}

function matching(pattern: RE2JS, now: () => number): Test {
  let spent = 0;
  let budget = BUDGET_MS;
  return (text) => {
    const startedAt = now();
    // As a string: one that is ASCII costs little, and the matcher knows what to do with it.
    const fits = pattern.test(text.toString());
    spent += now() - startedAt;
    budget += text.length * BUDGET_MS_PER_BYTE;
    if (spent > budget) {
      throw new ApiError(
        'regex_too_costly',
        'regex takes too long on this log: use a simpler one, or narrow the log down',
      );
    }
    return fits;
  };
}

function compile(regex: string): RE2JS {
  const refuse = (problem: string, cause?: unknown) =>
    new ApiError('invalid_parameter', `regex holds ${shown(regex)}: ${problem}`, { cause });
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(regex);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const problem = error.message.replace(/^error parsing regexp: /, '');
    throw refuse(`${problem.slice(0, 200)}; a regular expression of RE2 is allowed`, error);
  }
  const size = pattern.programSize();
  if (size > MAX_PROGRAM) {
    throw refuse(
      `it is too large (${size} steps for a character; ${MAX_PROGRAM} are allowed): use smaller repetitions`,
    );
  }
  return pattern;
}

let scratch = Buffer.allocUnsafe(64 * 1024);

/** The text of a message; only until the next call. */
function textOf(message: LogRecord): Buffer {
  const length = maxMessageLength(message);
  if (!message.escaped) {
    return Buffer.from(message.bytes.buffer, message.bytes.byteOffset + message.logStart, length);
  }
  if (scratch.length < length) scratch = Buffer.allocUnsafe(length * 2);
  return scratch.subarray(0, writeMessage(message, scratch, 0));
}
