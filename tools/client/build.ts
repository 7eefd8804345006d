import '../lib/node-version.ts';
import { buildClient } from './package.ts';

/** `npm run build` makes dist/libs/client, which `npm publish dist/libs/client` publishes. */
await buildClient();
