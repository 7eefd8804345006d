import { version } from '@cordwood/service';
import { z } from 'zod';
import { type Described, JSON_TYPE, operation, type Operation } from '../http/operation.ts';
import { nothing } from '../http/query.ts';
import { createDocument, type DocumentOptions } from './document.ts';

/** `GET /openapi.json`: the API of `others`, and of this route itself. @throws Error when they cannot be described */
export function openApiRoute(
  others: readonly Described[],
  { needsToken }: Pick<DocumentOptions, 'needsToken'>,
): Operation {
  const self = operation({
    id: 'getOpenApi',
    method: 'get',
    route: '/openapi.json',
    tag: 'service',
    summary: 'This document',
    path: nothing,
    query: nothing,
    responses: {
      200: {
        description: 'The API as an OpenAPI 3.1 document.',
        content: { [JSON_TYPE]: { schema: z.looseObject({ openapi: z.string() }) } },
      },
    },
    errors: [],
    isPublic: true,
    handle: () => ({ body: { json: document } }),
  });
  const document = createDocument({ described: [...others, self], version, needsToken });
  return self;
}
