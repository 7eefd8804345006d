import { table } from './screen.ts';
import { NAMESPACE, SAMPLE_JOB, type SampleJob } from './samples.ts';
import type { Stack } from './stack.ts';

export interface BannerOptions {
  readonly stack: Stack;
  readonly dataDir: string;
  readonly samples: readonly SampleJob[];
  /** Jobs that were loaded. */
  readonly loaded: readonly string[];
}

/** What runs where, and what to try. */
export function banner({ stack, dataDir, samples, loaded }: BannerOptions): string {
  const { readerUrl, dashboardUrl, s3, redisUrl, opsUrls, intervals } = stack;
  const api = `${readerUrl}/api/v1/jobs`;
  const sections = [
    'Cordwood runs.',
    table([
      ['reader-api', readerUrl, `metrics ${opsUrls['reader-api']}/metrics`],
      ['compactor-worker', opsUrls['compactor-worker'], '/healthz, /readyz, /metrics'],
      ['cleanup-worker', opsUrls['cleanup-worker'], '/healthz, /readyz, /metrics'],
      ['queue-dashboard', dashboardUrl, 'the queues in a browser: what was done, what failed, and why; retry it there'],
      ['S3', s3.endpoint, `bucket ${s3.bucket}; any credentials with the access key \`cordwood\`, or none`],
      ['Redis', redisUrl, 'queues only: it may be flushed at any time'],
      ['data, app logs', dataDir, 'kept for the next run; --fresh empties it'],
    ]),
    `Scan every ${intervals.SCAN_INTERVAL}, a job is merged every ${intervals.COMPACTION_INTERVAL}, merged files are deleted after ${intervals.CLEANUP_DELAY}.`,
  ];
  const [first, second] = [...samples.map(({ pod }) => pod).filter((pod) => pod !== SAMPLE_JOB), ...loaded];
  const two = samples.find(({ pod }) => pod.startsWith('two-'))?.pod;
  if (samples.length > 0)
    sections.push(`Sample jobs (namespace ${NAMESPACE}):`, table(samples.map(({ pod, shows }) => [pod, shows])));
  if (loaded.length > 0) sections.push(`Loaded jobs: ${loaded.join(', ')}`);
  const since = new Date(Date.now()).toISOString().replace(/\.\d+/, '');
  const lines = [
    ['the jobs', `curl -s '${api}'`],
    ...(first === undefined
      ? []
      : [
          ['a log', `curl -s '${api}/${first}/log'`],
          ['what came since, with times', `curl -s '${api}/${first}/log?since=${since}&timestamps=true'`],
        ]),
    ...(two === undefined ? [] : [['another container', `curl -s '${api}/${two}/log?container=sidecar'`]]),
    ...(first === undefined ? [] : [['details', `curl -s '${api}/${second ?? first}'`]]),
    ...(samples.length === 0
      ? []
      : [['a log that goes on', `kubectl --server=${readerUrl}/kube logs -f ${SAMPLE_JOB}`]]),
    ['pods', `kubectl --server=${readerUrl}/kube get pods -A`],
    ['is it ready', `curl -s '${opsUrls['compactor-worker']}/readyz'`],
    ['figures', `curl -s '${opsUrls['compactor-worker']}/metrics' | grep ^cordwood_`],
    ['the bucket', `curl -s '${s3.endpoint}/${s3.bucket}?list-type=2&prefix=data/'`],
  ];
  sections.push('Try:', table(lines));
  return `\n${sections.join('\n\n').replaceAll(':\n\n', ':\n')}\n`;
}
