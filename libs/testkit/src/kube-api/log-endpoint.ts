import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Instant, parseTime, shiftInstant } from '@cordwood/log-record';
import type { StruckFault } from './faults.ts';
import { kubeletLog, type KubeletLogOptions } from './kubelet-log.ts';
import type { PodDouble } from './pod.ts';
import { ApiError, badRequest } from './status.ts';

/** The parameters of `pods/{pod}/log`. */
export interface LogParameters extends Omit<KubeletLogOptions, 'signal'> {
  readonly previous: boolean;
  readonly container: string | null;
}

/** @throws ApiError as the API server's */
export function logParameters(query: URLSearchParams, pod: string, now: number): LogParameters {
  const number = (name: string, least: number): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
    const bound = least === 0 ? 'greater than or equal to 0' : 'greater than 0';
    if (Number(text) < least) throw invalid(pod, `${name}: Invalid value: ${text}: must be ${bound}`);
    return Number(text);
  };
  const sinceSeconds = number('sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null) {
    throw invalid(pod, 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  return {
    // As Kubernetes reads booleans in queries: everything but these is true.
    ...(Object.fromEntries(
      ['follow', 'previous', 'timestamps'].map((name) => [
        name,
        !['0', 'false', null].includes(query.get(name)?.toLowerCase() ?? null),
      ]),
    ) as Pick<LogParameters, 'follow' | 'previous' | 'timestamps'>),
    container: query.get('container'),
    tailLines: number('tailLines', 0),
    limitBytes: number('limitBytes', 1),
    since: sinceSeconds === undefined ? sinceOf(sinceTime) : shiftInstant(instantOf(now), -1000 * sinceSeconds),
  };
}

const instantOf = (ms: number): Instant => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 });

/** Fractions are cut off on the way from the API server to the kubelet. */
function sinceOf(text: string | null): Instant | undefined {
  if (text === null || text === '') return undefined;
  const time = parseTime(text);
  if (time === undefined) throw badRequest(`parsing time "${text}" as "2006-01-02T15:04:05Z07:00": cannot parse`);
  return { seconds: time.seconds, nanos: 0 };
}

const invalid = (pod: string, problem: string) =>
  new ApiError(422, 'Invalid', `PodLogOptions "${pod}" is invalid: ${problem}`, { name: pod, kind: 'PodLogOptions' });

/** Answers a request for a log; resolves when the answer is over, one way or the other. @throws ApiError before it has begun */
export async function answerLog(
  pod: PodDouble,
  parameters: LogParameters,
  response: ServerResponse,
  fault: StruckFault | undefined,
): Promise<void> {
  const container = pod.containerForLog(parameters.container);
  response.setHeader('content-type', 'text/plain');
  // A pod that no node runs has an empty log, says the API server.
  if (!pod.scheduled) {
    response.end();
    return;
  }
  const instance = container.instanceFor(parameters.previous);

  const left = new AbortController();
  response.once('close', () => left.abort());
  const { signal } = left;
  const limit = fault?.closeAfter ?? fault?.dropAfter ?? Infinity;
  let sent = 0;
  // Nothing is sent, not even the head, while there is nothing to say: kubelets do the same.
  for await (const piece of kubeletLog(instance.file, { ...parameters, signal })) {
    const bytes = piece.subarray(0, Math.min(piece.length, limit - sent));
    sent += bytes.length;
    await (fault?.bytesPerSecond === undefined
      ? send(response, bytes, signal)
      : sendSlowly(response, bytes, fault.bytesPerSecond, signal));
    if (sent >= limit) break;
  }
  if (signal.aborted) return;
  if (fault?.dropAfter !== undefined && sent >= limit) {
    // What is written must be on its way before the reset overtakes it.
    await delay(20);
    response.socket?.resetAndDestroy();
    return;
  }
  response.end(fault?.append);
}

async function send(response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (bytes.length === 0 || response.write(bytes) || signal.aborted) return;
  await once(response, 'drain', { signal }).catch(() => undefined);
}

async function sendSlowly(
  response: ServerResponse,
  bytes: Uint8Array,
  perSecond: number,
  signal: AbortSignal,
): Promise<void> {
  const step = Math.max(1, Math.floor(perSecond / 20));
  for (let at = 0; at < bytes.length && !signal.aborted; at += step) {
    await send(response, bytes.subarray(at, at + step), signal);
    await delay((step / perSecond) * 1000);
  }
}
