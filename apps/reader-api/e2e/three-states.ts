import { eventually, isClean, startTestSystem, type TestSystem } from '@cordwood/testkit';
import { type Reader, startReader } from './harness.ts';

/** One log in three buckets: as raw files, as merged ones, and as some of both. Whatever is asked of it, all three must answer the same. */

export const JOB = 'states';
export const NAMESPACE = 'jobs';
export const STATES = ['raw', 'mixed', 'merged'] as const;
export type State = (typeof STATES)[number];

/** A message, as it was written. */
export interface Written {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly container: string;
  readonly container_id: string;
  readonly log: string;
}

interface RawFile {
  readonly key: string;
  readonly body: string;
}

const START = Date.UTC(2026, 10, 20, 10);
const ODD = [
  '',
  'a "quoted" \\ back\\\\slash',
  'tab\tand\u0001control',
  'ünïcödé 🪵 \u2028 line',
  '{"json": [1, 2]}',
  'ends\n',
  '=== Live',
];
const ids = { first: 'aa'.repeat(32), second: 'bb'.repeat(32), side: 'cc'.repeat(32) };

/** Times count up by 250 ms; each of them has nine digits, not all of which are zeros. */
const timeOf = (tick: number): string =>
  new Date(START + tick * 250).toISOString().replace('Z', `${String(tick % 1_000_000).padStart(6, '0')}Z`);

/** A run of a container: messages in order, by file. */
function run(container: string, id: string, firstTick: number, files: number): { raw: RawFile[]; written: Written[] } {
  const raw: RawFile[] = [];
  const written: Written[] = [];
  for (let file = 0; file < files; file++) {
    const lines: string[] = [];
    for (let line = 0; line < 30; line++) {
      const tick = firstTick + file * 60 + line;
      const number = file * 30 + line;
      const stream = number % 3 === 0 ? 'stderr' : 'stdout';
      const log =
        number % 5 === 0
          ? (ODD[(number / 5) % ODD.length] ?? '')
          : `${container} message ${number} level=${number % 4 === 0 ? 'WARN' : 'info'}`;
      const time = timeOf(tick);
      written.push({ time, stream, container, container_id: id, log });
      const record = (text: string, logtag: string) => `${JSON.stringify({ time, stream, logtag, log: text })}\n`;
      // Now and then the container runtime cuts a line into pieces.
      if (number % 7 === 3) lines.push(record(log.slice(0, 5), 'P'), record(log.slice(5), 'F'));
      else lines.push(record(log, 'F'));
    }
    const minute = new Date(START + (firstTick + file * 60) * 250).toISOString().replace(/[-T:]/g, '').slice(0, 12);
    const directory = `kube.var.log.containers.${JOB}_${NAMESPACE}_${container}-${id}.log`;
    raw.push({ key: `${directory}/${minute}__${firstTick + file}.gz`, body: lines.join('') });
  }
  return { raw, written };
}

// The job's own container was started again; another one ran beside it.
const RUNS = [run(JOB, ids.first, 0, 3), run(JOB, ids.second, 1000, 3), run('side', ids.side, 30, 2)];

/** All messages: runs one after the other by their first record. */
export const WRITTEN: readonly Written[] = [RUNS[0], RUNS[2], RUNS[1]].flatMap((each) => each?.written ?? []);

export interface ThreeStates {
  readonly readers: Readonly<Record<State, Reader>>;
  close(): Promise<void>;
}

export async function startThreeStates(): Promise<ThreeStates> {
  const systems: TestSystem[] = [];
  const prepare = async (state: State): Promise<[State, Reader]> => {
    const system = await startTestSystem();
    systems.push(system);
    const files = RUNS.flatMap(({ raw }) => raw);
    const put = async (some: readonly RawFile[]) => {
      for (const { key, body } of some) await system.store.put(key, Buffer.from(body));
    };
    const isFirst = (file: RawFile) => RUNS.some(({ raw }) => raw[0] === file);
    await put(state === 'mixed' ? files.filter(isFirst) : files);
    if (state !== 'raw') {
      const workers = [await system.start('compactor-worker'), await system.start('cleanup-worker')];
      await eventually(`${state}: merged and cleaned`, () => isClean(system, JOB));
      for (const worker of workers) worker.kill('SIGKILL');
      await Promise.all(workers.map((worker) => worker.ended));
    }
    if (state === 'mixed') await put(files.filter((file) => !isFirst(file)));
    return [state, await startReader(system)];
  };
  const readers: [State, Reader][] = [];
  for (const state of STATES) readers.push(await prepare(state));
  return {
    readers: Object.fromEntries(readers) as Record<State, Reader>,
    close: async () => {
      for (const system of systems) await system.close();
    },
  };
}

export type Parameters = Readonly<Record<string, string>>;

/** The messages that parameters ask for, worked out from what was written alone; `after` is the number of messages to skip (a cursor). */
export function expected(parameters: Parameters, after?: Written): readonly Written[] {
  const { container = JOB, since, until, stream, contains, regex, tail, limit, previous } = parameters;
  let messages = WRITTEN.filter((each) => container === '*' || each.container === container);
  if (previous === 'true') {
    const last = new Map(messages.map((each) => [each.container, each.container_id]));
    messages = messages.filter((each) => each.container_id !== last.get(each.container));
  }
  if (after !== undefined) messages = messages.slice(messages.indexOf(after) + 1);
  messages = messages.filter(
    (each) =>
      (since === undefined || each.time >= since) &&
      (until === undefined || each.time <= until) &&
      (stream === undefined || each.stream === stream) &&
      (contains === undefined || each.log.includes(contains)) &&
      (regex === undefined || new RegExp(regex).test(each.log)),
  );
  if (tail !== undefined) messages = Number(tail) === 0 ? [] : messages.slice(-Number(tail));
  return limit === undefined ? messages : messages.slice(0, Number(limit));
}

/** Messages as `text/plain` has them. */
export const asText = (messages: readonly Written[], { timestamps, prefix }: Parameters): string =>
  messages
    .map(({ time, container, log }) =>
      [
        prefix === 'true' ? `${container} ` : '',
        timestamps === 'true' ? `${time} ` : '',
        log,
        log.endsWith('\n') ? '' : '\n',
      ].join(''),
    )
    .join('');

/** What the JSON of messages should say. */
export const asJson = (messages: readonly Written[]) => messages.map((each) => ({ ...each, namespace: NAMESPACE }));

/** The values of NDJSON, after the checks that hold for all of it. */
export function parseNdjson(body: string): Record<string, unknown>[] {
  if (body !== '' && !body.endsWith('\n')) throw new Error('the last line of NDJSON does not end');
  return body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export interface SseEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** Events, by the rules of the standard as far as they matter here. */
export function parseEvents(body: string): SseEvent[] {
  return body
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => !line.startsWith(':')))
    .flatMap((lines) => {
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data === undefined) return [];
      return { event: field('event') ?? 'message', id: field('id'), data: JSON.parse(data) as Record<string, unknown> };
    });
}
