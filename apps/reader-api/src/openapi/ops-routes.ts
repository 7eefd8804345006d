import { z } from 'zod';
import { type Described, JSON_TYPE, type OperationDoc, TEXT_TYPE } from '../http/operation.ts';
import { nothing } from '../http/query.ts';

const reportSchema = z
  .object({
    status: z.enum(['ok', 'unavailable', 'stopping']),
    checks: z.record(
      z.string(),
      z.object({
        ok: z.boolean(),
        durationMs: z.number(),
        error: z.string().optional(),
        details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
      }),
    ),
  })
  .meta({ id: 'HealthReport' });

const ops = (route: string, doc: Pick<OperationDoc, 'id' | 'summary' | 'responses'>): Described => ({
  method: 'get',
  route,
  tag: 'service',
  path: nothing,
  query: nothing,
  errors: [],
  isPublic: true,
  ...doc,
});

const report = (description: string) => ({ description, content: { [JSON_TYPE]: { schema: reportSchema } } });

/** What every app of Cordwood answers; `opsRouter` of libs/service does. */
export const OPS_ROUTES: readonly Described[] = [
  ops('/healthz', {
    id: 'getHealth',
    summary: 'Whether the process works',
    responses: { 200: report('It does.'), 503: report('It must be restarted.') },
  }),
  ops('/readyz', {
    id: 'getReadiness',
    summary: 'Whether the process can answer requests',
    responses: {
      200: report('It can; `details` say what it does without.'),
      503: report('It cannot: `checks` say why.'),
    },
  }),
  ops('/metrics', {
    id: 'getMetrics',
    summary: 'Figures for Prometheus',
    responses: {
      200: {
        description: 'In the text format of Prometheus.',
        content: { [TEXT_TYPE]: { schema: z.string() } },
      },
    },
  }),
];
