import { join } from 'node:path';
import { cell, pageByApps, tableRow } from './page-by-apps.ts';
import type { ServedMetric } from './served-metrics.ts';

export const METRICS_FILE = join(import.meta.dirname, '../../docs/metrics.md');

/** What METRICS_FILE is to hold: all metrics of all apps, those of the same apps in one table. */
export function metricsPage(served: Readonly<Record<string, readonly ServedMetric[]>>): Promise<string> {
  const byName = (a: ServedMetric, b: ServedMetric) => (a.name < b.name ? -1 : 1);
  return pageByApps({
    file: METRICS_FILE,
    introduction: INTRODUCTION,
    columns: ['metric', 'type', 'labels', 'meaning'],
    rows: Object.fromEntries(Object.entries(served).map(([app, metrics]) => [app, metrics.toSorted(byName).map(row)])),
    closing: CLOSING,
  });
}

const row = ({ name, type, labels = [], help }: ServedMetric): string =>
  tableRow([`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), cell(help)]);

const INTRODUCTION = `# Metrics

<!-- Written by \`npm run docs:metrics\` from what the started apps serve; a test compares them. -->

Every app serves these on \`/metrics\` of its \`METRICS_PORT\` (9090), in Prometheus' text format; the reader on its \`PORT\` as well. Each sample has the label \`app\` besides those
listed. Histograms have \`_bucket\`, \`_sum\` and \`_count\`. [deploy/dashboards](../deploy/dashboards) and [deploy/alerts](../deploy/alerts) use all of them; what to do about an alert is in
[runbook.md](runbook.md).`;

const CLOSING = `## Of Node itself

All apps have the default metrics of [prom-client](https://github.com/siimon/prom-client): \`process_cpu_seconds_total\`, \`process_resident_memory_bytes\`, \`nodejs_eventloop_lag_p99_seconds\`,
\`nodejs_gc_duration_seconds\` and the like.

## Figures made of them

| figure | how |
| --- | --- |
| write amplification: stored bytes written for each raw byte | \`sum(rate(cordwood_written_bytes_total[1h])) / sum(rate(cordwood_merged_raw_bytes_total[1h]))\` |
| requests to S3 for each raw file merged | \`sum(rate(cordwood_s3_requests_total{app="compactor-worker"}[1h])) / sum(rate(cordwood_merged_raw_files_total[1h]))\` |
| age of the oldest raw file, in seconds | \`time() - max(cordwood_raw_oldest_file_timestamp_seconds)\` |
| age of the last scan, in seconds | \`time() - max(cordwood_scan_last_success_timestamp_seconds)\` |
| pods that a compactor works on at a time, against its \`CONCURRENCY\` | \`sum by (pod) (rate(cordwood_compaction_duration_seconds_sum[5m]))\` |`;
