import { simulateCommits } from './sections/commits.ts';
import { type FleetOptions, simulateFleet } from './sections/fleet.ts';
import { simulateLives, type SimulationOptions } from './sections/lives.ts';
import { simulateScans, simulateSweep } from './sections/listings.ts';
import { measureMetadata } from './sections/metadata.ts';
import type { JobClass } from './model/job-class.ts';

/** What a process of its own is asked to simulate: virtual time moves when that process has nothing left to do. */
export type Question =
  | { readonly kind: 'lives'; readonly job: JobClass; readonly options: SimulationOptions }
  | { readonly kind: 'fleet'; readonly options: FleetOptions }
  | { readonly kind: 'commits'; readonly committers: readonly number[]; readonly options: SimulationOptions }
  | {
      readonly kind: 'scans';
      readonly pods: readonly number[];
      readonly listMs: readonly number[];
      readonly options: SimulationOptions;
    }
  | { readonly kind: 'sweep'; readonly pods: number; readonly metadata: string; readonly options: SimulationOptions }
  | { readonly kind: 'metadata'; readonly sample: string; readonly files: readonly number[] };

async function answer(question: Question): Promise<unknown> {
  switch (question.kind) {
    case 'lives':
      return simulateLives(question.job, question.options);
    case 'fleet':
      return simulateFleet(question.options);
    case 'commits':
      return simulateCommits(question.committers, question.options);
    case 'scans':
      return simulateScans(question.pods, question.listMs, question.options);
    case 'sweep':
      return simulateSweep(question.pods, question.metadata, question.options);
    case 'metadata':
      return measureMetadata(question.sample, question.files);
  }
}

// An open channel to the parent would be something left to do.
process.stdout.write(JSON.stringify(await answer(JSON.parse(process.env['SCALE_QUESTION'] ?? '') as Question)));
