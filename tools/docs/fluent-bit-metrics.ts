/**
 * What Fluent Bit serves on `/api/v2/metrics/prometheus`, as far as its manual says: pages "Monitoring" (v2 metrics, storage layer) and
 * "Fluent Bit metrics" (the first of these) of docs.fluentbit.io/manual, for 4.2 and 5; read in November 2026. No Fluent Bit runs in the tests of this
 * project, so this says that a name is not misspelt, and not that a version serves it. Left out is what the manual spells unlike the program does
 * (`fluentbit_storage_mem_chunk`), and metrics of plugins that deploy/fluent-bit does not use.
 */
export const FLUENT_BIT_METRICS: readonly string[] = [
  'fluentbit_logger_logs_total',
  'fluentbit_input_bytes_total',
  'fluentbit_input_records_total',
  'fluentbit_output_dropped_records_total',
  'fluentbit_output_errors_total',
  'fluentbit_output_proc_bytes_total',
  'fluentbit_output_proc_records_total',
  'fluentbit_output_retried_records_total',
  'fluentbit_output_retries_failed_total',
  'fluentbit_output_retries_total',
  'fluentbit_output_latency_seconds',
  'fluentbit_uptime',
  'fluentbit_process_start_time_seconds',
  'fluentbit_build_info',
  'fluentbit_hot_reloaded_times',
  'fluentbit_storage_fs_chunks',
  'fluentbit_storage_fs_chunks_up',
  'fluentbit_storage_fs_chunks_down',
  'fluentbit_storage_fs_chunks_busy',
  'fluentbit_storage_fs_chunks_busy_bytes',
  'fluentbit_input_storage_overlimit',
  'fluentbit_input_storage_memory_bytes',
  'fluentbit_input_storage_chunks',
  'fluentbit_input_storage_chunks_up',
  'fluentbit_input_storage_chunks_down',
  'fluentbit_input_storage_chunks_busy',
  'fluentbit_input_storage_chunks_busy_bytes',
  'fluentbit_output_upstream_total_connections',
  'fluentbit_output_upstream_busy_connections',
];
