import { z } from 'zod';
import { type VariableInfo, variableInfo } from './config-blocks.ts';

/** The environment as a process gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment does not make a configuration. `message` names every bad variable, what it holds and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Names of the bad variables. */
  readonly variables: readonly string[];

  constructor(message: string, variables: readonly string[]) {
    super(message);
    this.variables = variables;
  }
}

/** A condition between variables. `check` gives what is allowed when it does not hold. */
export interface Rule<in Config, out Name extends string = string> {
  /** The variable that the message is about. */
  readonly variable: Name;
  readonly check: (config: Config) => string | undefined;
}

/**
 * An app's configuration: variables by name (its own, and groups such as `processVariables`) and the rules between them.
 * Rules are checked when every variable is good by itself.
 */
export function defineConfig<Shape extends z.ZodRawShape>(
  shape: Shape,
  rules: readonly Rule<z.output<z.ZodObject<Shape>>, Extract<keyof Shape, string>>[] = [],
) {
  return z.object(shape).superRefine((config, context) => {
    for (const { variable, check } of rules) {
      const message = check(config);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [variable], message });
    }
  });
}

/**
 * Reads a configuration from the environment. A variable that is empty counts as not set, as Kubernetes manifests
 * often have it.
 * @throws ConfigError
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment,
): z.output<z.ZodObject<Shape>> {
  const names = Object.keys(schema.shape);
  const given = Object.fromEntries(
    names.filter((name) => env[name] !== undefined && env[name] !== '').map((name) => [name, env[name]]),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;

  const lines = new Map<string, string>();
  for (const issue of result.error.issues) {
    const name = String(issue.path[0] ?? '?');
    if (lines.has(name)) continue;
    lines.set(name, `  ${name} ${shown(given[name], infoOf(schema.shape, name))}: ${issue.message}`);
  }
  const count = lines.size === 1 ? 'One variable is' : `${lines.size} variables are`;
  throw new ConfigError(`${count} wrong in the environment:\n${[...lines.values()].join('\n')}`, [...lines.keys()]);
}

/** A variable as documentation shows it. */
export interface VariableDescription extends VariableInfo {
  readonly name: string;
  /** What may stand there, as error messages have it: `a duration like 15m, at least 1s`. */
  readonly allowed: string;
}

/** Every variable of a configuration, in the order of its declaration; for generated documentation. */
export function describeConfig(schema: z.ZodObject): VariableDescription[] {
  return Object.keys(schema.shape).map((name) => ({
    name,
    allowed: allowedBy(schema.shape[name]),
    ...(infoOf(schema.shape, name) ?? { description: '' }),
  }));
}

/** What a variable's schema says to what is never allowed, as nothing in an environment is null. */
function allowedBy(field: unknown): string {
  const message = field instanceof z.ZodType ? field.safeParse(null).error?.issues[0]?.message : undefined;
  return message?.replace(/ (?:is|are) allowed$/, '') ?? '';
}

function infoOf(shape: z.ZodRawShape, name: string): VariableInfo | undefined {
  const field = shape[name];
  return field instanceof z.ZodType ? variableInfo.get(field) : undefined;
}

function shown(value: string | undefined, info: VariableInfo | undefined): string {
  if (value === undefined) return info?.default === undefined ? 'is not set' : `is not set (default ${info.default})`;
  if (info?.secret === 'all') return 'holds a secret that is not shown';
  const text = info?.secret === 'url-password' ? maskPassword(value) : value;
  return `holds ${JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)}`;
}

/** A URL without its login's password, and without what its query says. Masks too much rather than too little when the URL is malformed. */
export function maskPassword(url: string): string {
  const query = url.indexOf('?');
  if (query >= 0) {
    const before = url.slice(0, query);
    // With an `@` after it the question mark may as well be a part of the password.
    const known = url.includes('@', query) ? before.replace(/(?<=\/\/)[^@]*$/, '') : before;
    return `${maskPassword(known)}?***`;
  }
  const at = url.lastIndexOf('@');
  if (at < 0) return url;
  const start = url.includes('//') ? url.indexOf('//') + 2 : 0;
  const colon = url.indexOf(':', start);
  return colon < 0 || colon > at ? url : `${url.slice(0, colon)}:***${url.slice(at)}`;
}
