import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '@cordwood/log-store';
import { type Container, FluentBit, type Stream } from './fluent-bit.ts';

/** The sample jobs, which log until they are stopped. */
export interface Samples {
  readonly jobs: readonly SampleJob[];
  /** Whole lines stored so far, by `pod/container`. */
  readonly stored: ReadonlyMap<string, number>;
  /** When they began, RFC 3339. */
  readonly since: string;
  /** Stores what is left. */
  stop(): Promise<void>;
}

export interface SampleJob {
  readonly pod: string;
  /** What there is to see in its log. */
  readonly shows: string;
}

export const NAMESPACE = 'sample-jobs';
/** Where kubectl looks when no namespace is named. */
const DEFAULT_NAMESPACE = 'default';
/** It has the same name with every run, so that commands with it can be kept: each run is a restart of its container. */
export const SAMPLE_JOB = 'sample-job';
const TICK_MS = 500;
const FLUSH_MS = 4_000;
const SHORT_LIFE_MS = 60_000;
const CRASH_EVERY_MS = 45_000;

type Write = (message: string, stream?: Stream) => void;

/** `onProblem` hears of uploads that fail, and are tried again. */
export function startSamples(store: ObjectStore, onProblem: (error: unknown) => void): Samples {
  const fluentBit = new FluentBit(store);
  // New names with every run: a pod that is gone never comes back.
  const run = randomBytes(2).toString('hex');
  const job = (kind: string) => `${kind}-${run}`;
  const startedAt = Date.now();
  const elapsed = () => Date.now() - startedAt;
  const container = (pod: string, name = pod, namespace = NAMESPACE): Container => ({
    pod,
    namespace,
    container: name,
    containerId: randomBytes(32).toString('hex'),
  });
  const writer =
    (to: Container): Write =>
    (message, stream) =>
      fluentBit.write(to, message, stream);

  const sample = writer(container(SAMPLE_JOB, SAMPLE_JOB, DEFAULT_NAMESPACE));
  const train = writer(container(job('train')));
  let crashing = container(job('restart'));
  let starts = 0;
  const long = writer(container(job('long')));
  const main = writer(container(job('two')));
  const sidecar = writer(container(job('two'), 'sidecar'));
  const short = writer(container(job('short')));
  const unicode = writer(container(job('unicode')));
  let shortEnded = false;

  const tick = (count: number) => {
    const step = count + 1;
    sample(`run ${run}, line ${step}`);
    train(`step ${step} loss ${(3 / Math.sqrt(step)).toFixed(4)}`);
    if (step % 7 === 0) train(`warning: gradient norm ${(step % 13) + 10}.2 was clipped`, 'stderr');

    if (starts === 0 || elapsed() > starts * CRASH_EVERY_MS) {
      if (starts > 0) {
        fluentBit.write(crashing, 'panic: connection to the queue lost', 'stderr');
        crashing = container(job('restart'));
      }
      starts++;
      fluentBit.write(crashing, `worker starts, try ${starts}`);
    }
    if (step % 2 === 0) fluentBit.write(crashing, `try ${starts}: item ${step} done`);

    // Longer than the 16 KiB at which the runtime cuts a line into parts.
    if (step % 8 === 1) long(`dump ${step}: ${`${step} `.repeat(9_000)}end`);
    else if (step % 2 === 0) long(`between dumps ${step}`);

    if (step % 2 === 0) main(`GET /items/${step} 200`);
    if (step % 4 === 0) sidecar(`{"level":"info","msg":"request proxied","n":${step}}`);

    if (elapsed() < SHORT_LIFE_MS) short(`part ${step} of the work is done`);
    else if (!shortEnded) {
      shortEnded = true;
      short('all done, good bye');
    }
    if (step % 3 === 0) unicode(GREETINGS[step % GREETINGS.length] ?? '');
  };

  let count = 0;
  let flushing: Promise<void> = Promise.resolve();
  const flush = () => (flushing = flushing.then(() => fluentBit.flush()).catch(onProblem));
  tick(count++);
  const ticking = setInterval(() => tick(count++), TICK_MS);
  const uploading = setInterval(() => void flush(), FLUSH_MS);
  return {
    jobs: [
      { pod: SAMPLE_JOB, shows: `always called so, in the namespace \`${DEFAULT_NAMESPACE}\`: for kubectl` },
      { pod: job('train'), shows: 'progress on stdout, warnings on stderr' },
      { pod: job('restart'), shows: `its container crashes and starts anew every ${CRASH_EVERY_MS / 1_000} s` },
      { pod: job('long'), shows: 'lines of 40 KB and more, which arrive in parts' },
      { pod: job('two'), shows: 'two containers: itself and `sidecar`' },
      { pod: job('short'), shows: 'ends after a minute: its log stays, and is cleaned a last time' },
      { pod: job('unicode'), shows: 'many scripts, colours, emoji' },
    ],
    stored: fluentBit.stored,
    since: new Date(startedAt).toISOString(),
    stop: async () => {
      clearInterval(ticking);
      clearInterval(uploading);
      await flush();
    },
  };
}

const GREETINGS = [
  'Grüße aus Köln, naïve café ☕',
  'Привет, мир: журнал ведётся',
  '日本語のログ：処理が完了しました',
  'مرحبا بالعالم',
  '👩‍🚀🚀 family 👨‍👩‍👧‍👦 and flags 🇨🇭🇯🇵',
  '\u001b[32mgreen\u001b[0m and \u001b[1;31mred\u001b[0m',
  'हिन्दी में एक पंक्ति',
  '{"json":"in a line","n":1.5,"ok":true}',
];
