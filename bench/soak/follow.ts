import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { WebSocket } from 'ws';

export const FORMATS = ['text', 'ndjson', 'events', 'websocket'] as const;
export type FollowFormat = (typeof FORMATS)[number];

/** A client that follows a log whose lines are numbered, and checks that each comes once and in order. */
export interface FollowedLog {
  readonly received: number;
  /** The server has ended it in order. */
  readonly ended: boolean;
  /** What was wrong, given how many lines were written. */
  faults(written: number): string[];
  stop(): void;
}

export function followLog(port: number, job: string, format: FollowFormat): FollowedLog {
  const faults: string[] = [];
  const stopping = new AbortController();
  const who = `${job} as ${format}`;
  let next = 0;
  let ended = false;
  const take = (line: string): void => {
    const [said, number] = /line (\d+) of job.*, instance \d+/.exec(line) ?? [];
    if (number === undefined) return;
    if (Number(number) !== next) faults.push(`${who}: "${said}" where ${next.toString()} was due`);
    next = Number(number) + 1;
  };
  const path = `127.0.0.1:${port.toString()}/api/v1/jobs/${job}/log`;
  const following =
    format === 'websocket'
      ? followSocket(`ws://${path}_ws?follow=true`, take, stopping.signal)
      : followHttp(`http://${path}?follow=true`, ACCEPT[format], take, stopping.signal);
  following
    .then(() => {
      ended = true;
    })
    .catch((error: unknown) => {
      if (!stopping.signal.aborted) faults.push(`${who}: broken at line ${next.toString()}: ${String(error)}`);
    });
  return {
    get received() {
      return next;
    },
    get ended() {
      return ended;
    },
    faults: (written) => [
      ...faults,
      ...(next === written ? [] : [`${who}: ${next.toString()} of ${written.toString()} lines`]),
      ...(ended ? [] : [`${who}: never came to an end`]),
    ],
    stop: () => {
      stopping.abort();
    },
  };
}

const ACCEPT = { text: 'text/plain', ndjson: 'application/x-ndjson', events: 'text/event-stream' } as const;

async function followHttp(
  url: string,
  accept: string,
  take: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, { headers: { accept }, signal });
  if (response.status !== 200 || response.body === null)
    throw new Error(`${response.status.toString()} ${await response.text()}`);
  const body = Readable.fromWeb(response.body);
  const failed = new Promise<never>((_, reject) => body.once('error', reject));
  const lines = (async () => {
    for await (const line of createInterface(body)) take(line);
  })();
  await Promise.race([lines, failed]);
}

function followSocket(url: string, take: (line: string) => void, signal: AbortSignal): Promise<void> {
  const socket = new WebSocket(url);
  let rest = '';
  socket.on('message', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  signal.addEventListener('abort', () => {
    socket.terminate();
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', (code, reason) => {
      if (code === 1000) resolve();
      else reject(new Error(`closed with ${code.toString()} ${reason.toString()}`));
    });
  });
}
