import { z } from 'zod';
import { ACCESS_ERRORS, COMMON_ERRORS, type ErrorCode, ERRORS, STREAM_ERRORS } from '../errors/catalogue.ts';
import { type ContentDoc, type Described, type HeaderDoc, JSON_TYPE, type ResponseDoc } from '../http/operation.ts';
import type { JsonSchema, SchemaCollection } from './schemas.ts';

type Headers = Readonly<Record<string, HeaderDoc>>;

/** In every answer. */
const COMMON_HEADERS: Headers = {
  'X-Service-Version': { description: 'Name and version of what answers.', example: 'cordwood/0.1.0' },
};
/** Of limits, on whatever is not public. */
const RATE_HEADERS: Headers = {
  RateLimit: {
    description: 'Requests that are left in this minute, and the seconds until the next.',
    example: '"requests";r=41;t=12',
  },
  'RateLimit-Policy': { description: 'Requests that are allowed in a minute.', example: '"requests";q=600;w=60' },
};
const WWW_AUTHENTICATE: HeaderDoc = { description: 'What token is wanted.', example: 'Bearer realm="cordwood"' };
const RETRY_AFTER: HeaderDoc = { description: 'Seconds after which to try again.', example: '5' };
/** Statuses that come with {@link RETRY_AFTER}. */
const LATER = new Set([429, 503]);

/** All that an operation answers, by status: what it says itself, and what follows from its error codes. */
export function responseObjects(described: Described, schemas: SchemaCollection): Readonly<Record<string, JsonSchema>> {
  const common = { ...(described.isPublic !== true && RATE_HEADERS), ...COMMON_HEADERS };
  const own = Object.entries(described.responses).map(
    ([status, doc]) => [status, ofResponse(doc, common, schemas)] as const,
  );
  const codes = [
    ...new Set<ErrorCode>([
      ...described.errors,
      ...COMMON_ERRORS,
      ...(described.isPublic === true ? [] : ACCESS_ERRORS),
      ...(described.isStream === true ? STREAM_ERRORS : []),
    ]),
  ];
  const errors = [...Map.groupBy(codes.values(), (code) => ERRORS[code].status)]
    .toSorted(([a], [b]) => a - b)
    .map(([status, ofStatus]) => {
      const content = described.errorContent ?? { schema: errorSchema(ofStatus) };
      return [String(status), ofErrors(status, { codes: ofStatus, content, common }, schemas)] as const;
    });
  return Object.fromEntries([...own, ...errors]);
}

function ofResponse(
  { description, headers = {}, content = {} }: ResponseDoc,
  common: Headers,
  schemas: SchemaCollection,
): JsonSchema {
  const bodies = Object.entries(content).map(([type, doc]) => [mediaType(type), ofContent(doc, schemas)] as const);
  const words = Object.entries(content).flatMap(([type, doc]) =>
    doc.description === undefined ? [] : [`- \`${mediaType(type)}\`: ${doc.description}`],
  );
  return {
    description: [description, ...(words.length === 0 ? [] : [words.join('\n')])].join('\n\n'),
    headers: ofHeaders({ ...headers, ...common }),
    ...(bodies.length > 0 && { content: Object.fromEntries(bodies) }),
  };
}

/** Without its parameters: the charset is said in every case. */
const mediaType = (contentType: string): string => contentType.replace(/;.*/, '');

function ofContent({ schema, items, example }: ContentDoc, schemas: SchemaCollection): JsonSchema {
  return {
    ...(schema !== undefined && { schema: schemas.add(schema) }),
    // OpenAPI 3.2 calls it itemSchema; 3.1 has no word for what a stream consists of.
    ...(items !== undefined && { 'x-item-schema': schemas.add(items) }),
    ...(example !== undefined && { example }),
  };
}

const ofHeaders = (headers: Headers): JsonSchema =>
  Object.fromEntries(
    Object.entries(headers).map(([name, { description, example }]) => [
      name,
      { description, schema: { type: 'string' }, ...(example !== undefined && { example }) },
    ]),
  );

/** What all errors look like; `codes`: which they can be. */
export const errorSchema = (codes: readonly ErrorCode[]) =>
  z.object({
    error: z.object({
      code: z.enum(codes).meta({ description: 'For programs: it never changes its meaning.' }),
      message: z.string().meta({ description: 'For people: what is wrong, and what would be right.' }),
    }),
  });

interface ErrorsDoc {
  readonly codes: readonly ErrorCode[];
  readonly content: ContentDoc;
  readonly common: Headers;
}

function ofErrors(status: number, { codes, content, common }: ErrorsDoc, schemas: SchemaCollection): JsonSchema {
  return {
    description: codes.map((code) => `- \`${code}\`: ${ERRORS[code].when}`).join('\n'),
    headers: ofHeaders({
      ...(LATER.has(status) && { 'Retry-After': RETRY_AFTER }),
      ...(status === 401 && { 'WWW-Authenticate': WWW_AUTHENTICATE }),
      ...common,
    }),
    content: { [mediaType(JSON_TYPE)]: ofContent(content, schemas) },
  };
}
