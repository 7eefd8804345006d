import { isIP } from 'node:net';
import { z } from 'zod';
import { type RedisTarget, parseRedisUrl } from './redis-url.ts';

/** What is known of an environment variable besides its schema: for error messages and generated documentation. */
export interface VariableInfo {
  readonly description: string;
  /** The default as an operator would write it, or in words (`number of cores`). */
  readonly default?: string;
  /** `all`: never shown. `url-password`: shown without the password of its URL. */
  readonly secret?: 'all' | 'url-password';
}

/** Descriptions of every variable declared with {@link variable}. */
export const variableInfo = z.registry<VariableInfo>();

/** Attaches the description of a variable to its schema (`variable(duration().prefault('1m'), { … })`). */
export function variable<S extends z.ZodType>(schema: S, info: VariableInfo): S {
  // A clone, because the same block may stand behind several variables.
  const own = schema.clone();
  variableInfo.add(own, info);
  return own;
}

/** A schema over the text of a variable. `parse` gives undefined for text that is not `allowed`. */
function text<T>(allowed: string, parse: (text: string) => T | undefined) {
  return z.string(`${allowed} is allowed`).transform((input, context) => {
    const value = parse(input.trim());
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${allowed} is allowed`, input });
    return z.NEVER;
  });
}

export interface Bounds {
  /** Smallest value, as the variable would be written. */
  readonly min?: string;
  /** Largest value, as the variable would be written. */
  readonly max?: string;
}

function bounded(what: string, parse: (text: string) => number | undefined, { min, max }: Bounds) {
  const low = min === undefined ? 0 : (parse(min) ?? 0);
  const high = max === undefined ? Number.MAX_SAFE_INTEGER : (parse(max) ?? Number.MAX_SAFE_INTEGER);
  const range = [min === undefined ? '' : `, at least ${min}`, max === undefined ? '' : `, at most ${max}`].join('');
  return text(what + range, (input) => {
    const value = parse(input);
    return value !== undefined && value >= low && value <= high ? value : undefined;
  });
}

const MILLISECONDS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s` as milliseconds; undefined for what is no duration. */
export function parseDuration(input: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(input) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const value = Math.round(Number(number) * (MILLISECONDS[unit] ?? Number.NaN));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A duration: `500ms`, `90s`, `15m`, `1h`, `7d`. Value in milliseconds. */
export function duration(bounds: Bounds = {}) {
  return bounded('a duration such as 500ms, 90s, 15m, 1h or 7d', parseDuration, bounds);
}

const BYTES: Record<string, number> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `10MiB` as bytes; undefined for what is no size. */
export function parseByteSize(input: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB)?$/.exec(input) ?? [];
  if (number === undefined) return undefined;
  const value = Number(number) * (BYTES[unit] ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A size: `512KiB`, `10MiB`, `1GiB`, or a plain number of bytes. Value in bytes. */
export function byteSize(bounds: Bounds = {}) {
  return bounded('a size such as 512KiB, 10MiB, 1GiB or a number of bytes', parseByteSize, bounds);
}

const WORDS: Record<string, boolean> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** `true`, `yes`, `on`, `1`, or `false`, `no`, `off`, `0`, in any case. */
export function boolean() {
  return text('true or false', (input) =>
    Object.hasOwn(WORDS, input.toLowerCase()) ? WORDS[input.toLowerCase()] : undefined,
  );
}

function parseInteger(input: string): number | undefined {
  return /^\d{1,15}$/.test(input) ? Number(input) : undefined;
}

/** A TCP port; 0 takes any free one. */
export function port() {
  return bounded(
    'a port from 0 to 65535 (0: any free one)',
    (input) => {
      const value = parseInteger(input);
      return value !== undefined && value <= 65_535 ? value : undefined;
    },
    {},
  );
}

/** A whole number, 1 or more. */
export function positiveInteger(bounds: Pick<Bounds, 'max'> = {}) {
  return bounded('a whole number', parseInteger, { min: '1', ...bounds });
}

/** A whole number, 1 or more, or `off` (undefined). */
export function limit() {
  return text<{ readonly max: number | undefined }>('a whole number, at least 1, or off', (input) => {
    if (input === 'off') return { max: undefined };
    const max = parseInteger(input);
    return max !== undefined && max >= 1 ? { max } : undefined;
  });
}

/** A whole number, 0 or more. */
export function wholeNumber(bounds: Pick<Bounds, 'max'> = {}) {
  return bounded('a whole number', parseInteger, bounds);
}

/** One of these words. */
export function choice<const Word extends string>(...words: readonly Word[]) {
  const allowed = `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
  return text(allowed, (input) => words.find((word) => word === input));
}

/** Any text but none. */
export function words(what: string) {
  return text(what, (input) => (input === '' ? undefined : input));
}

/** An address to listen on: of a network interface, or the name `localhost`. */
export function listenAddress() {
  return text('an IP address such as 0.0.0.0, 127.0.0.1 or ::, or localhost', (input) =>
    isIP(input) !== 0 || input === 'localhost' ? input : undefined,
  );
}

/** The URL of a service, such as the example: `http:` or `https:`, without login, query and fragment. A slash at its end is kept. */
export function httpUrl(example: string) {
  return text(`a URL such as ${example}`, (input) => {
    const url = URL.parse(input);
    const isPlain = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
    return isPlain && /^https?:$/.test(url.protocol) ? input : undefined;
  });
}

/** A path below which a service is served: `/`, or without a slash at its end. */
export function urlPath() {
  return text('a path such as /queues (letters, digits, "-", "_", ".", "~"), or /', (input) => {
    const isPlain = /^(?:\/|(?:\/[\w.~-]+)+\/?)$/.test(input) && !/\/\.\.?(?:\/|$)/.test(input);
    return isPlain ? input.replace(/(?<=.)\/$/, '') : undefined;
  });
}

/** Origins of web pages, separated by commas: `https://a.example,http://localhost:3000`; `*` alone stands for all of them. */
export function origins() {
  const allowed = '* or origins such as https://jobs.example.com, several separated by commas,';
  return text<'*' | readonly string[]>(allowed, (input) => {
    if (input === '*') return '*';
    const list = input.split(',').map((each) => each.trim());
    return list.every((each) => URL.parse(each)?.origin === each) ? list : undefined;
  });
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How much is logged: `error`, `warn`, `info`, `debug`. */
export function logLevel() {
  return text('error, warn, info or debug', (input) => LOG_LEVELS.find((level) => level === input));
}

/** Where Redis is: a single server, Sentinels or a Cluster. See {@link parseRedisUrl} for the forms. */
export function redisUrl() {
  return text<RedisTarget>(
    'redis://host:port/db, rediss://…, redis+sentinel://host:port,host:port/master/db or redis+cluster://host:port,host:port',
    parseRedisUrl,
  );
}

/** A bucket's name as S3 takes it (also the older, laxer form that some stores still use). */
export function bucketName() {
  return text('a bucket name (3 to 63 characters: letters, digits, ".", "-", "_")', (input) =>
    /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(input) && isIP(input) === 0 ? input : undefined,
  );
}

/** The start of keys in a shared bucket: no leading slash; ends in one, which is added when missing. Empty: none. */
export function keyPrefix() {
  return text('a key prefix without a leading slash and without empty parts, such as "cluster-a/"', (input) => {
    if (input === '') return '';
    const prefix = input.endsWith('/') ? input : `${input}/`;
    return /^(?:[^/\p{Cc}]+\/)+$/u.test(prefix) ? prefix : undefined;
  });
}

/** A Kubernetes namespace. */
export function namespaceName() {
  return text('a Kubernetes namespace (lower case letters, digits, "-", at most 63)', (input) =>
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(input) ? input : undefined,
  );
}

/** How long logs are kept, in ms; undefined: for ever. */
export interface Retention {
  readonly keepMs: number | undefined;
}

function parseRetention(input: string): Retention | undefined {
  if (input === 'off') return { keepMs: undefined };
  const keepMs = parseDuration(input);
  return keepMs === undefined || keepMs < 1_000 ? undefined : { keepMs };
}

/** How long logs are kept: a duration, or `off`. */
export function retention() {
  return text('off, or a duration such as 12h or 30d, at least 1s,', parseRetention);
}

/** How long the logs of namespaces are kept that fit the pattern: `*` stands for any characters. */
export interface NamespaceRetention extends Retention {
  readonly pattern: string;
}

/** Rules for namespaces, in their order: `dev-*=7d,prod=off`. */
export function retentionByNamespace() {
  const allowed =
    'namespace=duration or namespace=off, several separated by commas (dev-*=7d,prod=off; * stands for any characters)';
  return z.string(`${allowed} is allowed`).transform((input, context): readonly NamespaceRetention[] => {
    const rules: NamespaceRetention[] = [];
    for (const entry of input.split(',').map((each) => each.trim())) {
      const [, pattern = '', period = ''] = /^([a-z0-9*-]+)\s*=\s*(.*)$/.exec(entry) ?? [];
      const parsed = parseRetention(period);
      const message =
        pattern === ''
          ? `${JSON.stringify(entry)} is no rule: ${allowed} is allowed`
          : parsed === undefined
            ? `${JSON.stringify(period)} for ${pattern} is no time to keep logs: off, or a duration such as 12h or 30d, at least 1s, is allowed`
            : rules.some((rule) => rule.pattern === pattern)
              ? `${pattern} stands there twice, and the first one would count: one rule for each pattern is allowed`
              : undefined;
      if (message !== undefined || parsed === undefined) {
        context.issues.push({ code: 'custom', message: message ?? allowed, input });
        return z.NEVER;
      }
      rules.push({ pattern, ...parsed });
    }
    return rules;
  });
}

/** The start of every key in Redis. A `{hash tag}` keeps all of them in one slot of a Cluster. */
export function queuePrefix() {
  return text('a word in braces such as {cordwood} (a Redis hash tag), without ":" and spaces', (input) =>
    /^[^\s:{}]*\{[^\s:{}]+\}[^\s:{}]*$/.test(input) ? input : undefined,
  );
}
