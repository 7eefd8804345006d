import { z } from 'zod';
import { ApiError } from '../errors/catalogue.ts';

/** A query parameter. `parse` gives undefined for text that is not `allowed`. */
export function parameter<T>(allowed: string, parse: (text: string) => T | undefined) {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${allowed} is allowed`, input: text });
    return z.NEVER;
  });
}

/**
 * The parameters of a request by a strict schema of {@link parameter}s. Throws an ApiError that names everything that is wrong,
 * what it holds and what is allowed.
 */
export function decodeQuery<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  query: string,
): z.output<z.ZodObject<Shape, z.core.$strict>> {
  const given = parseQuery(query);
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
