import { z } from 'zod';
import { ApiError } from '../errors/catalogue.ts';
import type { ApiReply } from '../http/handler.ts';
import { operation, type Operation } from '../http/operation.ts';
import { nothing, parameter } from '../http/query.ts';
import { type Asset, PackageAssets, toAsset } from './assets.ts';
import { PAGE, PAGE_SCRIPT, PAGE_STYLE } from './page.ts';

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** `GET /docs`: the API for people, made of /openapi.json by Swagger UI, all of it served from here. */
export function docsRoutes(assets = new PackageAssets()): readonly Operation[] {
  const own = (text: string) => {
    const asset = toAsset(Buffer.from(text));
    return () => asset;
  };
  const files: Readonly<Record<string, { readonly type: string; readonly get: () => Promise<Asset> }>> = {
    'page.js': { type: SCRIPT, get: own(PAGE_SCRIPT) },
    'page.css': { type: STYLE, get: own(PAGE_STYLE) },
    'swagger-ui.css': { type: STYLE, get: () => assets.get('swagger-ui-dist/swagger-ui.css') },
    'swagger-ui-bundle.js': { type: SCRIPT, get: () => assets.get('swagger-ui-dist/swagger-ui-bundle.js') },
  };
  const page = toAsset(Buffer.from(PAGE));
  const common = { method: 'get', tag: 'service', query: nothing, isPublic: true } as const;
  return [
    operation({
      ...common,
      id: 'getDocs',
      route: '/docs',
      summary: 'This document, for people',
      path: nothing,
      responses: {
        200: { description: 'A page that shows it.', content: { [HTML]: { schema: z.string() } } },
        308: { description: 'The page is at the path without a slash at its end.' },
      },
      errors: [],
      handle: async ({ pathname, headers }) =>
        // Relative references in the page would lead elsewhere.
        pathname.endsWith('/')
          ? { status: 308, headers: { Location: '../docs' }, body: { text: '' } }
          : reply(await page, HTML, headers['accept-encoding']),
    }),
    operation({
      ...common,
      id: 'getDocsFile',
      route: '/docs/:file',
      summary: 'What the page consists of',
      path: z.strictObject({
        file: parameter('the name of a file', (text) => text, {
          description: 'The name of the file.',
          enum: Object.keys(files),
        }),
      }),
      responses: {
        200: {
          description: 'The file.',
          content: { [SCRIPT]: { schema: z.string() }, [STYLE]: { schema: z.string() } },
        },
      },
      errors: ['route_not_found'],
      handle: async ({ path: { file }, headers }) => {
        const found = Object.hasOwn(files, file) ? files[file] : undefined;
        if (found === undefined) throw new ApiError('route_not_found', 'the documentation has no such file');
        return reply(await found.get(), found.type, headers['accept-encoding']);
      },
    }),
  ];
}

function reply({ plain, gzipped }: Asset, contentType: string, accepted = ''): ApiReply {
  // No browser says that it takes gzip, but less gladly than others.
  const isGzipped = /\bgzip\b/.test(accepted);
  return {
    headers: { Vary: 'Accept-Encoding', ...(isGzipped && { 'Content-Encoding': 'gzip' }) },
    body: { bytes: isGzipped ? gzipped : plain, contentType },
  };
}
