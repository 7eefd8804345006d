import { type ErrorCode, ERRORS } from '../errors/catalogue.ts';
import { type Described, TAGS } from '../http/operation.ts';
import { parameterObjects, pathTemplate } from './parameters.ts';
import { errorSchema, responseObjects } from './responses.ts';
import { type JsonSchema, SchemaCollection } from './schemas.ts';

export interface DocumentOptions {
  readonly described: readonly Described[];
  readonly version: string;
  /** Whether a token is asked for: AUTH_MODE is not `none`. */
  readonly needsToken: boolean;
}

const DESCRIPTION = `\
Logs of Kubernetes jobs: while a job runs, and long after its pod is gone. The same URL works before the pod logs anything, while it runs,
and years later.

**Errors** are \`{"error":{"code","message"}}\`. After the first byte of an answer an error cannot change the status: the transfer then
breaks off, so that a log that ends in good order is whole. Behind 429 and 503, \`Retry-After\` says when to try again.

**Unknown parameters** are refused, never ignored. **HEAD** answers like GET, without a body.`;

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token that the operator of this service accepts: of Kubernetes, or of an OpenID Connect provider.',
  },
  accessToken: {
    type: 'apiKey',
    in: 'query',
    name: 'access_token',
    description:
      'The same, for `EventSource` and `WebSocket` alone, with which browsers send no headers; refused with any other request.',
  },
};

/** The API as an OpenAPI 3.1 document, made from what checks its requests. */
export function createDocument({ described, version, needsToken }: DocumentOptions): JsonSchema {
  const schemas = new SchemaCollection();
  schemas.add(errorSchema(Object.keys(ERRORS) as ErrorCode[]).meta({ id: 'Error' }));
  const paths = [...Map.groupBy(described, ({ route }) => pathTemplate(route))].map(
    ([path, ofPath]) =>
      [
        path,
        Object.fromEntries(ofPath.map((each) => [each.method, operationObject(each, schemas, needsToken)])),
      ] as const,
  );
  const used = new Set(described.map(({ tag }) => tag));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Cordwood reader-api',
      summary: 'Logs of Kubernetes jobs, live and archived',
      description: DESCRIPTION,
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Relative to where this document is: right behind a proxy that adds a prefix, too.
    servers: [{ url: './', description: 'This service.' }],
    tags: Object.entries(TAGS)
      .filter(([name]) => used.has(name as keyof typeof TAGS))
      .map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(paths),
    components: { schemas: schemas.components, ...(needsToken && { securitySchemes: SECURITY_SCHEMES }) },
    // For programs that want to know what status an error would have had that came after the first byte.
    'x-error-codes': ERRORS,
  };
}

function operationObject(described: Described, schemas: SchemaCollection, needsToken: boolean): JsonSchema {
  const { id, tag, summary, description, isPublic = false, isStream = false } = described;
  const parameters = parameterObjects(described, schemas);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(needsToken && { security: isPublic ? [] : [{ bearer: [] }, ...(isStream ? [{ accessToken: [] }] : [])] }),
    responses: responseObjects(described, schemas),
  };
}
