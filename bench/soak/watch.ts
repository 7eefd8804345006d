import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { AppProcess } from '@cordwood/testkit';
import type { StallSample } from './stalls.ts';

/** The most that was seen of a process while it was watched. */
export interface Peaks {
  /** Of the process, in MB; the kernel's own record of its peak. */
  readonly rssMb: number;
  readonly sockets: number;
  /** Clients of Redis and its memory in MB, whoever caused them. */
  readonly redisClients: number;
  readonly redisMb: number;
  /** Longest time that the event loop did not turn, and the CPU time of the main thread in one turn, in ms. */
  readonly stallMs: number;
  readonly stallCpuMs: number;
}

export interface Watch {
  peaks(): Peaks;
  stop(): Promise<void>;
}

const SAMPLE_MS = 250;

/** Looks at a process through /proc four times a second, and at its Redis. `stalls`: the file that stalls.ts writes in it. */
export function watch(app: AppProcess, { stalls, redisUrl }: { stalls: string; redisUrl: string }): Watch {
  const redis = new Redis(redisUrl);
  let rssMb = 0;
  let sockets = 0;
  let redisClients = 0;
  let redisMb = 0;
  const sample = async (): Promise<void> => {
    rssMb = Math.max(rssMb, peakRssMb(app.pid));
    sockets = Math.max(sockets, openSockets(app.pid));
    const info = await redis.info();
    // One of them is ours.
    redisClients = Math.max(redisClients, field(info, 'connected_clients') - 1);
    redisMb = Math.max(redisMb, field(info, 'used_memory') / 1e6);
  };
  let busy = Promise.resolve();
  const timer = setInterval(() => {
    // A process that has just ended has no /proc any more.
    busy = busy.then(sample).catch(() => undefined);
  }, SAMPLE_MS);
  return {
    peaks: () => ({ rssMb, sockets, redisClients, redisMb, ...longestStall(stalls) }),
    stop: async () => {
      clearInterval(timer);
      await busy;
      redis.disconnect();
    },
  };
}

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

function peakRssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid.toString()}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

function openSockets(pid: number): number {
  const dir = `/proc/${pid.toString()}/fd`;
  return readdirSync(dir).filter((fd) => {
    try {
      return readlinkSync(`${dir}/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

function longestStall(file: string): Pick<Peaks, 'stallMs' | 'stallCpuMs'> {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const samples = lines.map((line) => JSON.parse(line) as StallSample);
  // The start (modules loaded and compiled) is no work on a log.
  const working = samples.slice(2);
  return {
    stallMs: Math.max(0, ...working.map(({ wall }) => wall)),
    stallCpuMs: Math.max(0, ...working.map(({ cpu }) => cpu)),
  };
}
