import { z } from 'zod';
import type { Reader } from './harness.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly example?: string;
  readonly schema: {
    readonly type: string;
    readonly enum?: readonly string[];
    readonly default?: unknown;
    readonly examples?: readonly unknown[];
  };
}

export interface Media {
  readonly schema?: Readonly<Record<string, unknown>>;
  readonly 'x-item-schema'?: Readonly<Record<string, unknown>>;
  readonly example?: unknown;
}

export interface DocumentedResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Media>>;
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

/** As far as tests look at it. */
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
}

export const fetchOpenApi = async (reader: Reader): Promise<OpenApi> =>
  (await (await reader.get('/openapi.json')).json()) as OpenApi;

/** All operations, with where they are. */
export const operationsOf = (document: OpenApi) =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

/** The path with its parameters filled in by their examples. */
export const pathOf = (path: string, { parameters = [] }: DocumentedOperation): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parameters.find((each) => each.in === 'path' && each.name === name);
    return parameter?.example ?? parameter?.schema.enum?.[0] ?? '';
  });

/** What a value has that the schema does not say, or says otherwise; empty when it fits. */
export function misfits(document: OpenApi, schema: Readonly<Record<string, unknown>>, value: unknown): string[] {
  // References into the document become references into the schema, and objects hold what is described alone.
  const closed = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(closed);
    if (typeof part !== 'object' || part === null) return part;
    const inner = Object.fromEntries(Object.entries(part).map(([key, each]) => [key, closed(each)]));
    if (typeof inner['$ref'] === 'string') inner['$ref'] = inner['$ref'].replace('#/components/schemas/', '#/$defs/');
    // Times have all the digits that the container runtime wrote, in its zone.
    if (inner['format'] === 'date-time') delete inner['format'];
    return 'properties' in inner && inner['additionalProperties'] === undefined
      ? { ...inner, additionalProperties: false }
      : inner;
  };
  const whole = closed({ ...schema, $defs: document.components.schemas }) as Parameters<typeof z.fromJSONSchema>[0];
  const { error } = z.fromJSONSchema(whole).safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

/** What an answer has that the document does not tell of its operation; empty when it fits. Reads the body. */
export async function unexpected(
  document: OpenApi,
  operation: DocumentedOperation,
  response: Response,
): Promise<string[]> {
  const documented = operation.responses[response.status];
  if (documented === undefined) return [`status ${response.status}`];
  const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '');
  const media = documented.content?.[type];
  if (media === undefined && documented.content !== undefined) return [`content type ${type}`];
  const known = new Set(Object.keys(documented.headers ?? {}).map((name) => name.toLowerCase()));
  const headers = [...response.headers.keys()].filter(
    (name) => name.startsWith('x-') && !UNSAID.has(name) && !known.has(name),
  );
  const text = await response.text();
  const body = type === 'application/json' ? (JSON.parse(text) as unknown) : text;
  const values = media?.schema === undefined ? [] : misfits(document, media.schema, body);
  return [...headers.map((name) => `header ${name}`), ...values];
}

/** Security headers are the same everywhere, and no part of any operation. */
const UNSAID = new Set([
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
]);
