import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { provideRedis } from '../lib/redis.ts';
import { METRICS_FILE, metricsPage } from './metrics.ts';
import { servedMetrics } from './served-metrics.ts';

/** `npm run docs:metrics` writes docs/metrics.md. */
const redis = await provideRedis();
try {
  process.env['REDIS_URL'] = redis.url;
  await writeFile(METRICS_FILE, await metricsPage(await servedMetrics()));
} finally {
  await redis.stop();
}
