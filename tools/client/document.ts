import { freePort, startApp } from '@cordwood/testkit';
import type { TypedDocument } from './types.ts';

/** /openapi.json of a reader that is started for it; it needs neither S3 nor anything else for that. */
export async function fetchDocument(): Promise<TypedDocument> {
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const app = await startApp('reader-api', {
    PORT: '0',
    AWS_ENDPOINT_URL_S3: nowhere,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
  });
  try {
    const { ports } = (await app.line('ready')) as unknown as { readonly ports: { readonly http: number } };
    return (await (await fetch(`http://127.0.0.1:${ports.http}/openapi.json`)).json()) as TypedDocument;
  } finally {
    app.kill('SIGKILL');
    await app.ended;
  }
}
