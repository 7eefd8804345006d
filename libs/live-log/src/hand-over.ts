import { type Kube, KubeError, KubeForbiddenError, KubeUnavailableError } from '@cordwood/kube';
import { compareInstants, type Instant } from '@cordwood/log-record';
import type { InstanceName, MessageMark } from '@cordwood/log-store';
import { type ContainerEvent, WAITING_LIVE } from './container-events.ts';
import { ArchivedPart } from './archived-part.ts';
import { Bridge } from './bridge.ts';
import { Given } from './given.ts';
import { containerOf, type InstanceState, stateOf } from './instance-state.ts';
import { type LiveLine, LiveStream } from './live-stream.ts';
import { TRIES } from './options.ts';
import { msOf, type Reading } from './reading.ts';
import { Pauses } from './pauses.ts';
import { Seek } from './recent-messages.ts';

/** Bytes of lines that are kept back until it is known what comes before them. */
const HELD = 64 * 1024;

export interface HandOverOptions {
  readonly reading: Reading;
  readonly kube: Kube;
  readonly pod: string;
  readonly namespace: string;
  readonly instance: InstanceName;
  readonly since: Instant | undefined;
  readonly until: Instant | undefined;
  /** What stands up to it is not given. */
  readonly place: MessageMark | undefined;
  /** Whether to go on until the instance is over; else what there is now. */
  readonly follow: boolean;
  /** Until when the archive is waited for at most, by the clock. Asked when the waiting begins. */
  readonly giveUpAt: () => number;
}

/**
 * How a connection to the live log came to its end: with all that Kubernetes had (though it is not clear that nothing was before it), or
 * before; or the instance is another thing to Kubernetes by now; or there is nothing more to be wanted.
 */
type Outcome = 'drained' | 'unproven' | 'broken' | 'stale' | 'until';

/**
 * The messages of one container instance that Kubernetes still has: those that are safely archived, then the live log from there on
 * (docs/adr/0012). Ends when the instance is over and all of it was given.
 */
export class HandOver {
  private readonly options: HandOverOptions;
  private readonly given: Given;
  private readonly archive: ArchivedPart;
  private readonly pauses: Pauses;
  private nothingFound = false;

  constructor(options: HandOverOptions) {
    this.options = options;
    const { reading, instance, since, place } = options;
    this.given = new Given(instance, since, place);
    this.archive = new ArchivedPart({ ...options, given: this.given });
    this.pauses = new Pauses(reading);
  }

  /** It ended because nothing was found of the instance, and its successor runs; the archive may have it later. */
  get wasSilent(): boolean {
    return this.nothingFound;
  }

  async *events(): AsyncGenerator<ContainerEvent> {
    const { reading, follow, until } = this.options;
    yield* this.archive.before();
    let endedAt: Instant | undefined;
    for (;;) {
      const state = await this.state();
      if (state.kind !== 'running') endedAt = state.endedAt ?? endedAt;
      if (state.kind === 'lost') {
        yield* this.archive.rest(endedAt);
        return;
      }
      const stream = this.open(state);
      let outcome: Outcome;
      try {
        outcome = yield* this.connected(stream, state);
      } finally {
        stream.close();
      }
      if (outcome === 'until') return;
      const isFinal = state.kind !== 'running';
      if (outcome === 'stale') await this.pauses.afterEnd();
      else if (outcome === 'broken') {
        if (isHopeless(stream.error)) throw stream.error;
        if (this.pauses.failures >= TRIES && (isFinal || !follow)) {
          if (!isFinal) throw asUnavailable(stream.error);
          yield* this.archive.rest(state.endedAt);
          return;
        }
        await this.pauses.afterFailure(stream.error);
      } else if (isFinal) {
        const now = await this.state();
        // In between, the same request may have become one for the log of another instance.
        if (now.kind !== state.kind) continue;
        if (outcome === 'unproven') {
          // Where another one runs already, one that said nothing at all does not keep it waiting.
          if (state.kind === 'previous' && (await this.isSilent())) {
            this.nothingFound = true;
            return;
          }
          yield* this.archive.rest(state.endedAt);
        } else if (stream.unfinished.length > 0) yield this.given.lines(stream.unfinished);
        return;
      } else if (!follow) {
        // Where the file was rotated and the new one is empty, nothing of the live log led to what the archive has.
        if (outcome === 'unproven') yield* this.archive.news(reading.clock.now());
        return;
      } else await this.pauses.afterEnd();
      if (reading.isPast(until, reading.timing.statusInterval)) return;
    }
  }

  /** Where Kubernetes has it now. Waits for Kubernetes when it is away, if there is time. */
  private async state(): Promise<InstanceState> {
    const { reading, instance, follow } = this.options;
    const pauses = new Pauses(reading);
    for (;;) {
      try {
        const pod = await reading.pod(reading.clock.now());
        return stateOf(containerOf(pod, instance.container), instance.containerId);
      } catch (error) {
        if (!(error instanceof KubeUnavailableError) || (!follow && pauses.failures >= TRIES)) throw error;
        await pauses.afterFailure(error);
      }
    }
  }

  /**
   * Whether the log that was opened when this was the state is the instance's. It is asked for by the container's name: what runs when the kubelet
   * opens it may be the next instance already, which its status tells a little later.
   */
  private async isStill({ kind }: InstanceState): Promise<boolean> {
    const { reading, follow } = this.options;
    if (follow) await reading.sleep(reading.timing.statusLag);
    return (await this.state()).kind === kind;
  }

  private open(state: InstanceState): LiveStream {
    const { reading, kube, namespace, pod, instance, follow } = this.options;
    const last = this.given.recent.last;
    // Whatever was given before is told by what is remembered.
    const from = last && { seconds: last.time.seconds - Math.ceil(reading.timing.stepBack / 1000), nanos: 0 };
    return new LiveStream({
      kube,
      request: {
        namespace,
        pod,
        container: instance.container,
        ...(from && { sinceTime: from }),
        ...(state.kind === 'previous' ? { previous: true } : { follow: follow && state.kind === 'running' }),
      },
      clock: reading.clock,
      maxMessage: reading.options.maxMessage,
      signal: reading.signal,
    });
  }

  /** All that this connection gives, once it is clear that nothing is missing before it. */
  private async *connected(stream: LiveStream, state: InstanceState): AsyncGenerator<ContainerEvent, Outcome> {
    const { reading, until } = this.options;
    const { timing, clock } = reading;
    let seek = new Seek(this.given.recent);
    let held: LiveLine[] = [];
    let heldBytes = 0;
    let decideAt = Infinity;
    let quietSince = clock.now();
    let changedAt: number | undefined;
    for (;;) {
      await stream.wait(Math.min(timing.statusInterval, Math.max(0, decideAt - clock.now())));
      const lines = stream.take();
      const fresh: LiveLine[] = [];
      for (const line of lines) {
        if (seek.isGiven(line)) {
          if (!seek.foundLast) continue;
          // What stands before the last message is known to be given.
          held = [];
          heldBytes = 0;
          decideAt = Infinity;
        } else if (seek.linked) fresh.push(line);
        else {
          held.push(line);
          heldBytes += line.record.bytes.length;
          if (decideAt === Infinity)
            decideAt = clock.now() + (this.given.recent.last === undefined ? 0 : timing.settle);
        }
      }
      const [first] = held;
      if (first !== undefined && (stream.isOver || heldBytes > HELD || clock.now() >= decideAt)) {
        if (!seek.foundAny && !(await this.isStill(state))) return 'stale';
        if (!seek.overlaps && !(await this.isFirst(first, state, stream))) {
          const bridge = new Bridge({
            reading,
            given: this.given,
            tail: this.archive.tail,
            archived: (notBefore) => this.archive.instance(notBefore),
            giveUpAt: this.options.giveUpAt(),
            isStill: () => this.isStill(state),
          });
          const end = yield* bridge.to(held);
          if (end === 'stale') return 'stale';
          // The first piece of the live log may be the end of a line that the archive has whole.
          if (end === 'after the first') held = held.slice(1);
        }
        seek = new Seek(this.given.recent);
        seek.link();
        fresh.unshift(...held.filter((line) => !seek.isGiven(line)));
        held = [];
        heldBytes = 0;
        decideAt = Infinity;
      }
      if (lines.length > 0) {
        this.pauses.reset();
        quietSince = clock.now();
      }
      if (fresh.length > 0) {
        yield this.given.lines(fresh);
        if (reading.isPast(until, timing.statusInterval)) return 'until';
        continue;
      }
      if (held.length > 0) continue;
      if (stream.isOver) {
        if (stream.error !== undefined) return 'broken';
        return seek.linked ? 'drained' : 'unproven';
      }
      if (lines.length > 0) continue;
      yield WAITING_LIVE;
      if (reading.isPast(until, timing.statusInterval)) return 'until';
      // The file may have been rotated, with nothing in the new one yet.
      if (!seek.linked && clock.now() - quietSince >= timing.settle) {
        // The live log may have that, too.
        if ((yield* this.archive.news()) > 0) seek = new Seek(this.given.recent);
      }
      const now = await this.stateOrUndefined();
      if (now === undefined || now.kind === state.kind) changedAt = undefined;
      // A connection may die without a word.
      else if (clock.now() - (changedAt ??= clock.now()) >= 2 * timing.statusInterval) return 'stale';
    }
  }

  private async stateOrUndefined(): Promise<InstanceState | undefined> {
    const { reading, instance } = this.options;
    try {
      return stateOf(containerOf(await reading.pod(), instance.container), instance.containerId);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      return undefined;
    }
  }

  /** Whether the first line of the live log is the first one that is wanted, as far as Kubernetes alone can tell. */
  private async isFirst({ time }: LiveLine, { startedAt }: InstanceState, { askedAt }: LiveStream): Promise<boolean> {
    const { reading, instance, since, place } = this.options;
    if (this.given.recent.last !== undefined || place !== undefined) return false;
    if (since !== undefined && compareInstants(time, since) < 0) return true;
    const { firstLineWithin } = reading.timing;
    // Both are of the node's clock.
    const isSoon = startedAt !== undefined && msOf(time) - msOf(startedAt) <= firstLineWithin;
    // One that comes later is the first one too when it was waited for from the start. That is no matter of clocks of others.
    const unseenAt = reading.unseenAt(instance);
    const isAwaited = unseenAt !== undefined && askedAt - unseenAt <= firstLineWithin;
    if (!isSoon && !isAwaited) return false;
    // Where the archive has something, it can tell for sure.
    return (await this.archive.instance(reading.clock.now())) === undefined;
  }

  private async isSilent(): Promise<boolean> {
    const { reading } = this.options;
    return this.given.recent.last === undefined && (await this.archive.instance(reading.clock.now())) === undefined;
  }
}

/** Another try would give the same. */
const isHopeless = (error: unknown): boolean => error instanceof KubeForbiddenError || !(error instanceof KubeError);

const asUnavailable = (error: unknown): Error =>
  error instanceof KubeUnavailableError
    ? error
    : new KubeUnavailableError('Kubernetes does not give the log', { cause: error });
