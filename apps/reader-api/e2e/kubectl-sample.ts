import { formatRawKey } from '@cordwood/s3-key-format';
import { eventually, storedPod, type TestSystem } from '@cordwood/testkit';

interface Line {
  readonly at: number;
  readonly message: string;
  readonly part?: 'P';
}

interface File {
  readonly container: 'main' | 'proxy';
  readonly containerId: string;
  readonly lines: readonly Line[];
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const [FIRST, SECOND_RUN, PROXY] = ['a1', 'b2', 'c3'].map((id) => id.repeat(32));

/** An hour ago, as a whole minute. */
export const BEGIN = Math.floor(Date.now() / MINUTE - 60) * MINUTE;
export const timeOf = (ms: number): string => new Date(BEGIN + ms).toISOString().replace('Z', '000001Z');

/** What Fluent Bit uploads of a pod: its main container (called like it) was restarted after half an hour, the other one was not. */
const FILES: readonly File[] = [
  {
    container: 'main',
    containerId: FIRST!,
    lines: [
      { at: 0, message: 'start' },
      { at: SECOND, message: 'in pa', part: 'P' },
    ],
  },
  { container: 'proxy', containerId: PROXY!, lines: [{ at: 500, message: 'proxy up' }] },
  {
    container: 'main',
    containerId: FIRST!,
    lines: [
      { at: 2 * SECOND, message: 'rts' },
      { at: MINUTE, message: 'über and out' },
    ],
  },
  {
    container: 'main',
    containerId: SECOND_RUN!,
    lines: [
      { at: 30 * MINUTE, message: 'again' },
      { at: 30 * MINUTE + SECOND, message: '' },
    ],
  },
  { container: 'main', containerId: SECOND_RUN!, lines: [{ at: 50 * MINUTE, message: 'the end' }] },
  { container: 'proxy', containerId: PROXY!, lines: [{ at: 50 * MINUTE, message: 'proxy down' }] },
];
/** Files that are merged in a log that is so in part: they end in the middle of a line. */
const MERGED_OF_MIXED = 2;

export const FIRST_RUN = ['start', 'in parts', 'über and out'];
export const LAST_RUN = ['again', '', 'the end'];
export const MAIN = [...FIRST_RUN, ...LAST_RUN];
export const PROXY_LOG = ['proxy up', 'proxy down'];
/** When each line of the main container was written. */
export const MAIN_TIMES = [0, SECOND, MINUTE, 30 * MINUTE, 30 * MINUTE + SECOND, 50 * MINUTE].map(timeOf);

async function uploadFile(system: TestSystem, pod: string, index: number, file: File): Promise<void> {
  const { container, containerId, lines } = file;
  const key = formatRawKey({
    pod,
    namespace: 'jobs',
    container: container === 'main' ? pod : container,
    containerId,
    date: new Date(BEGIN + (lines[0]?.at ?? 0)).toISOString().replace(/[-T:]/g, '').slice(0, 12),
    index: String(index),
    separator: '__',
    logSuffix: true,
  });
  const text = lines.map(({ at, message, part = 'F' }) =>
    JSON.stringify({ time: timeOf(at), stream: 'stdout', logtag: part, log: message }),
  );
  await system.store.put(key, Buffer.from(text.map((line) => `${line}\n`).join('')));
}

async function upload(system: TestSystem, pod: string, from: number, to = FILES.length): Promise<void> {
  for (const [index, file] of FILES.entries())
    if (index >= from && index < to) await uploadFile(system, pod, index, file);
}

/** One more line of the main container, written now. */
export const append = (system: TestSystem, pod: string, message: string): Promise<void> =>
  uploadFile(system, pod, FILES.length, {
    container: 'main',
    containerId: SECOND_RUN!,
    lines: [{ at: Date.now() - BEGIN, message }],
  });

const recordsIn = (from: number, to = FILES.length): number =>
  FILES.slice(from, to).reduce((sum, { lines }) => sum + lines.length, 0);

/** The pods `raw`, `merged` and `mixed`: the same log, of which nothing, all and a part is merged, by the real compactor. */
export async function putInThreeStates(system: TestSystem): Promise<void> {
  await upload(system, 'merged', 0);
  await upload(system, 'mixed', 0, MERGED_OF_MIXED);
  const worker = await system.start('compactor-worker');
  for (const [pod, records] of [
    ['merged', recordsIn(0)],
    ['mixed', recordsIn(0, MERGED_OF_MIXED)],
  ] as const) {
    await eventually(`${pod} is merged`, async () => {
      const stored = await storedPod(system, pod).catch(() => undefined);
      return stored?.messages.length === records;
    });
  }
  worker.kill('SIGKILL');
  await worker.ended;
  await upload(system, 'mixed', MERGED_OF_MIXED);
  await upload(system, 'raw', 0);
}
