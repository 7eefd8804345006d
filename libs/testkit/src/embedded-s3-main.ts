/* eslint-disable no-restricted-properties -- a program of its own */
import { parseArgs } from 'node:util';
import { startEmbeddedS3 } from './embedded-s3.ts';

/** `node libs/testkit/src/embedded-s3-main.ts [--port N] [--data-dir D] [--bucket logs]… [--with-parent]` */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'data-dir': { type: 'string' },
    bucket: { type: 'string', multiple: true, default: ['logs'] },
    // End when standard input does: so a killed parent takes us along.
    'with-parent': { type: 'boolean', default: false },
  },
});
const dataDir = values['data-dir'];
const s3 = await startEmbeddedS3({
  port: Number(values.port),
  buckets: values.bucket,
  ...(dataDir !== undefined && { dataDir }),
});
process.stdout.write(`${JSON.stringify({ endpoint: s3.endpoint, env: s3.env })}\n`);

const end = () => void s3.stop().finally(() => process.exit(0));
process.once('SIGTERM', end).once('SIGINT', end);
if (values['with-parent']) process.stdin.once('end', end).once('error', end).resume();
