import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

interface MetricOptions<Label extends string> {
  /** Full name, such as `cordwood_jobs_total`; durations in seconds, sizes in bytes. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/**
 * The metrics of one process (or of one test): its own registry, never prom-client's global one.
 * Declaring a name twice gives the same metric, so that libraries need not know who else uses it.
 */
export interface Metrics {
  readonly registry: Registry;
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>;
  /** `buckets` are upper bounds; by default those of {@link DURATION_BUCKETS}. */
  histogram<Label extends string = never>(
    options: MetricOptions<Label> & { readonly buckets?: readonly number[] },
  ): Histogram<Label>;
  /** `collect` is called at every scrape and may set values. */
  gauge<Label extends string = never>(
    options: MetricOptions<Label> & { readonly collect?: (gauge: Gauge<Label>) => void | Promise<void> },
  ): Gauge<Label>;
  /** The answer to a scrape. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** In seconds: from a request that only touches memory to a merge of thousands of files. */
export const DURATION_BUCKETS: readonly number[] = [0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export interface CreateMetricsOptions {
  readonly app: string;
  readonly version: string;
  /** Node's and the process' own figures, event-loop delay included. Tests that need none save their time. */
  readonly defaults?: boolean;
}

export function createMetrics({ app, version, defaults = true }: CreateMetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  // prom-client's defaults include nodejs_eventloop_lag_*_seconds, measured by perf_hooks between scrapes.
  if (defaults) collectDefaultMetrics({ register: registry });

  const declared = <M>(name: string, create: () => M): M =>
    (registry.getSingleMetric(name) as M | undefined) ?? create();
  const common = <Label extends string>({ name, help, labels = [] }: MetricOptions<Label>) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });

  const metrics: Metrics = {
    registry,
    counter: (options) => declared(options.name, () => new Counter(common(options))),
    histogram: (options) =>
      declared(
        options.name,
        () => new Histogram({ ...common(options), buckets: [...(options.buckets ?? DURATION_BUCKETS)] }),
      ),
    gauge: <Label extends string>(
      options: MetricOptions<Label> & { readonly collect?: (gauge: Gauge<Label>) => void | Promise<void> },
    ) =>
      declared(options.name, () => {
        const { collect } = options;
        if (!collect) return new Gauge(common(options));
        return new Gauge({
          ...common(options),
          collect() {
            return collect(this);
          },
        });
      }),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
  metrics
    .gauge({ name: 'cordwood_build_info', help: 'Always 1; the version is a label.', labels: ['version'] })
    .set({ version }, 1);
  return metrics;
}
