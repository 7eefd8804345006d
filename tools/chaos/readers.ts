import { setTimeout as delay } from 'node:timers/promises';
import type { App, AppLine } from './app.ts';
import { check, type Read } from './check.ts';
import type { Counts } from './counts.ts';
import { type Failure, readFailure } from './failure.ts';
import { type Answer, httpRead } from './http-read.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';
import type { PodTruth } from './truth.ts';

export interface ReadersOptions {
  readonly apps: readonly App[];
  readonly pods: readonly PodTruth[];
  readonly random: Random;
  readonly counts: Counts;
  readonly journal: Journal;
  readonly fail: (failure: Failure) => void;
  /** Whether files of the pod were deleted between then and now. */
  readonly cleanedSince: (pod: string, since: number) => boolean;
  /** How long slow reads take, in ms. */
  readonly slowMs: number;
}

const KINDS = ['whole', 'whole', 'since', 'head', 'slow', 'slow'] as const;
type Kind = (typeof KINDS)[number];

/** How long an app's line about a broken transfer may come after the client has seen it. */
const LINE_WITHIN_MS = 60_000;

/** Clients that read all the time, each of one kind, from both readers. Every answer that ends well is compared. */
export class Readers {
  readonly #options: ReadersOptions;
  /** Transfers that readers say they broke off, with their reasons. */
  readonly #brokenOff: { readonly app: App; readonly path: unknown; readonly reason: string }[] = [];
  #stopping = false;

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** Reads until `stop`. */
  async run(): Promise<void> {
    await Promise.all(KINDS.map((kind, index) => this.#client(kind, this.#options.random.fork(`client ${index}`))));
  }

  stop(): void {
    this.#stopping = true;
  }

  /** To be told every line of the readers' logs. */
  hear(app: App, line: AppLine): void {
    if (line['broken'] !== true) return;
    const { errorCode, errorMessage = '' } = line as { readonly errorCode?: string; readonly errorMessage?: string };
    const reason = `${errorCode ?? 'no code'}: ${errorMessage}`;
    this.#brokenOff.push({ app, path: line['path'], reason });
  }

  /** One read of a log that is there, compared. False: it did not end well. */
  async read(kind: Kind, app: App, truth: PodTruth, random: Random): Promise<boolean> {
    const { counts, cleanedSince, slowMs } = this.#options;
    const { url, generation } = app;
    const container = random.chance(0.7) ? '*' : random.pick(truth.containers);
    if (url === undefined || !truth.hasStored(container)) return false;
    const since = kind === 'since' ? random.pick(truth.messages(container)) : undefined;
    const timestamps = random.chance(0.5);
    const query = new URLSearchParams({ container, timestamps: String(timestamps) });
    if (since !== undefined) query.set('since', since.timeText);
    const path = `/api/v1/jobs/${truth.pod}/log`;
    const startedAt = performance.now();
    const bytesPerSecond = kind === 'slow' ? Math.max(20_000, (truth.bytes() / slowMs) * 1000) : undefined;
    const answer = await httpRead(`${url}${path}?${query.toString()}`, {
      ...(kind === 'head' && { method: 'HEAD' as const }),
      ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    });
    counts.add('reads', `${kind} ${answer.outcome}`);
    const fail = (what: string, more: Partial<Parameters<typeof readFailure>[0]> = {}) =>
      this.#options.fail(
        readFailure({ what, kind, app: app.name, pod: truth.pod, query: query.toString(), startedAt, ...more }),
      );
    if (answer.outcome !== 'complete') {
      await this.#judge(answer, { app, path, truth, isSame: () => app.generation === generation && app.isReady }, fail);
      return false;
    }
    if (kind === 'head') return true;
    if (kind === 'slow' && cleanedSince(truth.pod, startedAt)) counts.add('reads', 'slow, files deleted meanwhile');
    const read: Read = { kind, container, timestamps, since: sinceOf(since?.timeText), startedAt, body: answer.body };
    const { compared, problem } = check(truth, read);
    counts.add('compared', 'records', compared);
    if (problem !== undefined) fail(problem.what, { problem, body: answer.body });
    return problem === undefined;
  }

  async #client(kind: Kind, random: Random): Promise<void> {
    const { apps, pods } = this.#options;
    while (!this.#stopping) {
      const readable = pods.filter((pod) => pod.hasStored('*'));
      // Of the last ones, which change.
      const recent =
        kind === 'slow' ? readable.toSorted((a, b) => b.bytes() - a.bytes()).slice(0, 2) : readable.slice(-8);
      const app = random.pick(apps);
      if (recent.length > 0) await this.read(kind, app, random.pick(recent), random);
      await delay(random.between(100, kind === 'head' ? 1_500 : 800));
    }
  }

  /** Errors in bad times are right; others are not. */
  async #judge(
    answer: Exclude<Answer, { outcome: 'complete' }>,
    of: Asked,
    fail: (what: string) => void,
  ): Promise<void> {
    const { counts } = this.#options;
    if (answer.outcome === 'hangs') fail('nothing came for minutes');
    else if (answer.outcome === 'error') {
      counts.add('errors', `${answer.status} ${answer.code}`);
      if (answer.status !== 503 && !isExcused(answer.code, of.truth))
        fail(`answered ${answer.status} ${answer.code}: ${answer.message}`);
    } else if (answer.outcome === 'broken') {
      const reason = await this.#reasonOf(of);
      const [code = ''] = (reason ?? '').split(':', 1);
      // That a process has ended is heard later than that its connection has.
      const cause = reason !== undefined ? code : of.isSame() ? 'unexplained' : 'reader ended';
      counts.add('broken transfers', cause);
      if (cause === 'reader ended' || isExcused(cause, of.truth)) return;
      fail(`broken off after ${answer.bytes} bytes: ${reason ?? `the reader does not say why (${answer.cause})`}`);
    }
  }

  async #reasonOf({ app, path, isSame }: Asked): Promise<string | undefined> {
    const until = performance.now() + LINE_WITHIN_MS;
    for (;;) {
      const at = this.#brokenOff.findIndex((line) => line.app === app && line.path === path);
      if (at >= 0) return this.#brokenOff.splice(at, 1)[0]?.reason;
      if (performance.now() > until || !isSame()) return undefined;
      await delay(20);
    }
  }
}

/** What a read asked for, and whom. */
interface Asked {
  readonly app: App;
  readonly path: string;
  readonly truth: PodTruth;
  /** Whether the process still runs that was asked. */
  readonly isSame: () => boolean;
}

/** The store was away; or a file was overwritten before it was merged, so that nobody can go on in it. */
const isExcused = (code: string, truth: PodTruth): boolean =>
  code === 'storage_unavailable' || (code === 'log_file_missing' && truth.hasLost());

/** What `since` means to the ms: messages have whole ms, and more digits below. */
const sinceOf = (timeText: string | undefined): number | undefined =>
  timeText === undefined ? undefined : Date.parse(timeText.replace(/(\.\d{3})\d*Z$/, '$1Z'));
