import type { z } from 'zod';
import type { Described, HeaderDoc } from '../http/operation.ts';
import type { JsonSchema, SchemaCollection } from './schemas.ts';

/** All parameters of an operation: of its path, of its query, and headers that it looks at. */
export const parameterObjects = (described: Described, schemas: SchemaCollection): JsonSchema[] => [
  ...ofShape('path', described.path.shape, schemas),
  ...ofShape('query', described.query.shape, schemas),
  ...Object.entries(described.requestHeaders ?? {}).map(([name, doc]) => ofHeader(name, doc)),
];

function ofShape(where: 'path' | 'query', shape: z.ZodRawShape, schemas: SchemaCollection): JsonSchema[] {
  return Object.entries(shape).map(([name, field]) => {
    const { description, examples, deprecated, ...schema } = schemas.add(field as z.ZodType);
    if (typeof description !== 'string') throw new Error(`the parameter ${name} has no description`);
    return {
      name,
      in: where,
      description,
      required: where === 'path' || !(field as z.ZodType).safeParse(undefined).success,
      ...(deprecated === true && { deprecated }),
      schema: { ...schema, ...(where === 'query' && examples !== undefined && { examples }) },
      // Filled in by whoever tries the operation out: a path cannot be tried without.
      ...(where === 'path' && Array.isArray(examples) && { example: examples[0] as unknown }),
    };
  });
}

const ofHeader = (name: string, { description, example }: HeaderDoc): JsonSchema => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string', ...(example !== undefined && { examples: [example] }) },
});

/** `/api/v1/jobs/:job/log` as OpenAPI writes it. */
export const pathTemplate = (route: string): string => route.replace(/:(\w+)/g, '{$1}').replace(/\/\*(\w+)/g, '/{$1}');
