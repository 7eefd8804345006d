import winston from 'winston';
import type { LogLevel } from './config-blocks.ts';

/** What a log line tells besides its message. Names are camelCase; durations end in `Ms`, sizes in `Bytes`. */
export type Fields = Readonly<Record<string, unknown>>;

/** One flat JSON line per event. Errors in fields (by convention `error`) are written out with code, stack and cause. */
export interface Logger {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  /** A logger that adds these fields to every line. */
  child(fields: Fields): Logger;
}

/** The logger of a process. */
export interface RootLogger extends Logger {
  /**
   * Resolves when the stream has refused a line, with its error: nobody reads it any more, or its disk is full. What is logged after
   * that is dropped, since every line would fail again. Never resolves otherwise, and never rejects.
   */
  readonly lost: Promise<Error>;
  /** Resolves when every line is with the stream. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  /** Name of the app, in every line. */
  readonly app: string;
  readonly level?: LogLevel;
  /** Fields of every line. */
  readonly fields?: Fields;
  /** Where lines go; stdout by default. */
  readonly stream?: NodeJS.WritableStream;
}

/** A winston logger that writes `{"time","level","message","app",…fields}`. */
export function createLogger({ app, level = 'info', fields = {}, stream = process.stdout }: LoggerOptions): RootLogger {
  const root = winston.createLogger({
    level,
    format: winston.format.printf((info) => toLine(app, info)),
    // winston's types give this constructor an interface for its instances, which the rule cannot follow.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>();
  // Somebody has to listen: the error would be an uncaught exception, which is logged, which fails …
  stream.on('error', (error: Error) => {
    root.silent = true;
    lose(error);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      root.once('finish', resolve);
      root.end();
    });
  return { ...wrap(root, fields), lost, close };
}

function wrap(root: winston.Logger, bound: Fields): Logger {
  // `fields` travel as one property: winston itself would append a field named `message` to the message.
  const at = (level: LogLevel) => (message: string, fields?: Fields) => {
    root.log({ level, message, fields: fields ? { ...bound, ...fields } : bound });
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (fields) => wrap(root, { ...bound, ...fields }),
  };
}

function toLine(app: string, info: winston.Logform.TransformableInfo): string {
  const line: Record<string, unknown> = {
    time: new Date().toISOString(),
    level: info.level,
    message: info.message,
    app,
  };
  for (const [name, value] of Object.entries(info['fields'] as Fields)) {
    line[Object.hasOwn(line, name) ? `${name}_` : name] = value;
  }
  return stringify(line);
}

/** JSON of anything: a log line must never be the reason why something fails. */
function stringify(value: Record<string, unknown>): string {
  const ancestors: unknown[] = [];
  try {
    return JSON.stringify(value, function (this: unknown, _key, item: unknown) {
      if (typeof item === 'bigint') return item.toString();
      const plain = item instanceof Error ? errorFields(item) : item;
      if (typeof plain !== 'object' || plain === null) return plain;
      // `this` is the holder: what is deeper on the stack has been left.
      while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
      if (ancestors.includes(plain)) return '[circular]';
      ancestors.push(plain);
      return plain;
    });
  } catch (error) {
    const { time, level, message, app } = value;
    return JSON.stringify({ time, level, message, app, unwritable: String(error) });
  }
}

/** An error as log lines and answers show it. */
export function errorFields(error: Error): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: error.stack,
    ...(error instanceof AggregateError ? { errors: error.errors as unknown[] } : {}),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}

/** Whatever was thrown, as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
