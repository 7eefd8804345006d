import type { Metrics } from '@cordwood/service';

/** The figures of the HTTP API; those of the store come with the bucket. */
export function createHttpMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter({
      name: 'cordwood_http_requests_total',
      help: 'Requests by route and status; 499: the client left before the answer was complete.',
      labels: ['method', 'route', 'status'],
    }),
    duration: metrics.histogram({
      name: 'cordwood_http_request_duration_seconds',
      help: 'Until the last byte of the answer.',
      labels: ['route'],
    }),
    firstByte: metrics.histogram({
      name: 'cordwood_http_time_to_first_byte_seconds',
      help: 'Until the first byte of the answer.',
      labels: ['route'],
    }),
    sentBytes: metrics.counter({
      name: 'cordwood_http_sent_bytes_total',
      help: 'Bytes of bodies handed to the connection.',
      labels: ['route'],
    }),
    errors: metrics.counter({
      name: 'cordwood_http_errors_total',
      help: 'Errors by code of the catalogue; broken=true: after the first byte, so that the client saw a broken transfer.',
      labels: ['code', 'broken'],
    }),
  };
}

/** Counts reads that compaction overtook. */
export function countResumedReads(metrics: Metrics): () => void {
  const resumed = metrics.counter({
    name: 'cordwood_reads_resumed_total',
    help: 'Times that a read found one of its files replaced by compaction, and went on with the files of now.',
  });
  return () => resumed.inc();
}

export type HttpMetrics = ReturnType<typeof createHttpMetrics>;
