/** Of an OpenAPI document, as far as types are made of it. */
export interface TypedDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, TypedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly 'x-error-codes': Readonly<Record<string, { readonly status: number; readonly when: string }>>;
}

interface TypedOperation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description: string;
    readonly required: boolean;
    readonly schema: Schema;
  }[];
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
}

/** Interfaces of queries, by the operation they are for, and what is left out of each: what is about text alone. */
const QUERIES = {
  ListJobsQuery: { operation: 'listJobs', without: [] },
  JobQuery: { operation: 'getJob', without: [] },
  LogQuery: { operation: 'getLog', without: ['timestamps', 'prefix', 'separator', 'debug', 'format', 'download'] },
  DeleteLogQuery: { operation: 'deleteLog', without: [] },
} as const satisfies Record<string, { readonly operation: string; readonly without: readonly string[] }>;

/** Schemas that the client gives away, besides those that they refer to. */
const SCHEMAS = ['DeletedLog', 'Job', 'JobPage', 'LogEnd', 'LogGap', 'LogLine', 'NextPage'];

/** The types that libs/client is written against: its api-types.ts, not yet formatted. @throws Error for what the document lacks */
export function clientTypes(document: TypedDocument): string {
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  const queries = Object.entries(QUERIES).map(([name, { operation, without }]) => {
    const found = operations.find(({ operationId }) => operationId === operation);
    if (found === undefined) throw new Error(`the document has no operation ${operation}`);
    const fields = (found.parameters ?? []).filter(
      (parameter) => parameter.in === 'query' && !(without as readonly string[]).includes(parameter.name),
    );
    const properties = fields.map(({ name: field, description, required, schema }) =>
      property(field, { ...schema, description }, required, ' | undefined'),
    );
    return `/** Parameters of \`${operation}\`. */\nexport interface ${name} {\n${properties.join('\n')}\n}`;
  });
  const schemas = withReferences(document, SCHEMAS).map((name) => declaration(name, schemaOf(document, name)));
  const codes = Object.entries(document['x-error-codes']);
  return [
    '// Made of /openapi.json by `npm run client:types`; a test fails when they differ.',
    `/** Codes of errors that the API answers with. */\nexport type ApiErrorCode =\n${codes.map(([code, { when }]) => `/** ${when} */\n| '${code}'`).join('\n')};`,
    `/** The status that each has, also where it came after the first byte. */\nexport const STATUS_OF: Readonly<Record<ApiErrorCode, number>> = {\n${codes.map(([code, { status }]) => `${code}: ${status},`).join('\n')}\n};`,
    ...queries,
    ...schemas,
  ].join('\n\n');
}

function schemaOf(document: TypedDocument, name: string): Schema {
  const schema = document.components.schemas[name];
  if (schema === undefined) throw new Error(`the document has no schema ${name}`);
  return schema;
}

/** The names, and all that they refer to, each once and by name. */
function withReferences(document: TypedDocument, names: readonly string[]): string[] {
  const found = new Set<string>();
  const look = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    const references = JSON.stringify(schemaOf(document, name)).matchAll(/"#\/components\/schemas\/(\w+)"/g);
    for (const [, other = ''] of references) look(other);
  };
  names.forEach(look);
  return [...found].toSorted();
}

const comment = ({ description }: Schema): string => (description === undefined ? '' : `/** ${description} */\n`);

const declaration = (name: string, schema: Schema): string =>
  schema.properties === undefined
    ? `${comment(schema)}export type ${name} = ${typeOf(schema)};`
    : `${comment(schema)}export interface ${name} ${typeOf(schema)}`;

function property(name: string, schema: Schema, required: boolean, orAbsent = ''): string {
  return `${comment(schema)}readonly ${name}${required ? '' : '?'}: ${typeOf(schema)}${required ? '' : orAbsent};`;
}

function typeOf(schema: Schema): string {
  const { $ref, type, enum: values, properties, required = [], items, additionalProperties, anyOf } = schema;
  if ($ref !== undefined) return $ref.replace('#/components/schemas/', '');
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map(typeOf).join(' | ');
  if (Array.isArray(type)) return type.map((each: string) => typeOf({ ...schema, type: each })).join(' | ');
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, each]) => property(name, each, required.includes(name)));
    return `{\n${fields.join('\n')}\n}`;
  }
  switch (type) {
    case 'array':
      return `readonly (${typeOf(items ?? {})})[]`;
    case 'object':
      return `Readonly<Record<string, ${typeof additionalProperties === 'object' ? typeOf(additionalProperties) : 'unknown'}>>`;
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    default:
      return 'unknown';
  }
}
