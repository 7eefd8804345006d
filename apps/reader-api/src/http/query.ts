import { z } from 'zod';
import { ApiError } from '../errors/catalogue.ts';

/** What is sent for a parameter, as JSON Schema says it; `allowed` says it in words. */
export interface WireSchema {
  readonly type?: 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly (string | number | boolean)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: string | number | boolean;
  readonly examples?: readonly (string | number | boolean)[];
}

/** Parameters by name, all of them made by {@link parameter}. */
export type ParameterSchema<Shape extends z.ZodRawShape = z.ZodRawShape> = z.ZodObject<Shape, z.core.$strict>;

/** A parameter. `parse` gives undefined for text that is not `allowed`; `wire` is for the document. */
export function parameter<T>(allowed: string, parse: (text: string) => T | undefined, wire: WireSchema = {}) {
  const text = z.string().meta({ description: sentence(allowed), ...wire });
  return text.transform((sent, context) => {
    const value = parse(sent);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${allowed} is allowed`, input: sent });
    return z.NEVER;
  });
}

const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

/** No parameters. */
export const nothing = z.strictObject({});

/**
 * The parameters of a request by their schema. Throws an ApiError that names everything that is wrong, what it holds and what is
 * allowed.
 */
export const decodeQuery = <Schema extends ParameterSchema>(schema: Schema, query: string): z.output<Schema> =>
  decodeParameters(schema, parseQuery(query));

/** The same of the parts of the path. */
export const decodePath = <Schema extends ParameterSchema>(
  schema: Schema,
  path: Readonly<Record<string, string>>,
): z.output<Schema> => decodeParameters(schema, path);

function decodeParameters<Schema extends ParameterSchema>(
  schema: Schema,
  given: Readonly<Record<string, string>>,
): z.output<Schema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const allowed = known.length === 0 ? 'none is allowed here' : `allowed are ${known.join(', ')}`;
  const problems = result.error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? `unknown parameter ${issue.keys.map(shown).join(', ')}: ${allowed}`
      : `${String(issue.path[0])} holds ${shown(given[String(issue.path[0])] ?? '')}: ${issue.message}`,
  );
  const unknown = result.error.issues.every((issue) => issue.code === 'unrecognized_keys');
  throw new ApiError(unknown ? 'unknown_parameter' : 'invalid_parameter', problems.join('; '));
}

/** The query of a URL by name. Throws ApiError when it cannot be decoded, or names something twice. */
export function parseQuery(query: string): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    if (values.has(name)) throw new ApiError('invalid_parameter', `${shown(name)} is given twice: once is allowed`);
    values.set(name, equals < 0 ? '' : decode(part.slice(equals + 1)));
  }
  return Object.fromEntries(values);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new ApiError('malformed_url', `${shown(text)} in the query is not percent-encoded UTF-8`, { cause });
  }
}

/** What a client sent, as it can stand in a message. */
export const shown = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
