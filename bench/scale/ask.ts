import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { IMAGE_FLAGS } from '../../tools/lib/image-flags.ts';
import type { Commits } from './sections/commits.ts';
import type { Fleet } from './sections/fleet.ts';
import type { Scan, Sweep } from './sections/listings.ts';
import type { Lives } from './sections/lives.ts';
import type { MetadataCost } from './sections/metadata.ts';
import type { Question } from './simulate.ts';

interface Answers {
  readonly lives: Lives;
  readonly fleet: Fleet;
  readonly commits: readonly Commits[];
  readonly scans: readonly Scan[];
  readonly sweep: Sweep;
  readonly metadata: readonly MetadataCost[];
}

/** Has a new process simulate it. @throws Error when that process fails; it has said why on stderr */
export async function ask<Q extends Question>(question: Q): Promise<Answers[Q['kind']]> {
  const child = spawn(process.execPath, [...IMAGE_FLAGS, 'bench/scale/simulate.ts'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', SCALE_QUESTION: JSON.stringify(question) },
  });
  const [answer, [code]] = (await Promise.all([text(child.stdout), once(child, 'exit')])) as [string, [number | null]];
  if (code !== 0) throw new Error(`the simulation of ${question.kind} ended with ${String(code)}`);
  return JSON.parse(answer) as Answers[Q['kind']];
}
