import { z } from 'zod';

/** A schema as JSON Schema 2020-12, which is what OpenAPI 3.1 takes. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Writes zod schemas as JSON Schema, and keeps those that have an `id` to be referred to. */
export class SchemaCollection {
  readonly #components = new Map<string, JsonSchema>();

  /** What may be sent: of a transform, what goes into it. @throws Error when JSON Schema cannot say it, or two differ under one id */
  add(schema: z.ZodType): JsonSchema {
    // Inside another one, so that a schema with an id becomes a reference as well.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ it: schema }), {
      io: 'input',
      unrepresentable: 'throw',
      override: ({ jsonSchema }) => {
        // Said of every integer, it hides the bounds that mean something.
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    });
    for (const [id, definition] of Object.entries($defs)) this.#keep(id, toComponents(definition) as JsonSchema);
    return toComponents(properties?.['it']) as JsonSchema;
  }

  /** Those with an id, by it. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #keep(id: string, schema: JsonSchema): void {
    const known = this.#components.get(id);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`two schemas have the id ${id}`);
    }
    this.#components.set(id, schema);
  }
}

/** The same with its references pointing to where OpenAPI keeps schemas. */
function toComponents(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toComponents);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === '$ref' && typeof inner === 'string'
        ? [key, inner.replace('#/$defs/', '#/components/schemas/')]
        : [key, toComponents(inner)],
    ),
  );
}
