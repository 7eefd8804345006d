import { isBusy, type Machine } from './machine.ts';
import { type Table, toMarkdown } from './table.ts';

/** One run of the bench. */
export interface Report {
  readonly date: string;
  readonly command: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly tables: readonly Table[];
}

export function reportMarkdown({ date, command, seconds, machine, tables }: Report): string {
  const { description, loadBefore, stolen } = machine;
  const load = `load ${loadBefore.toFixed(1)} in the minute before${stolen === undefined ? '' : `, ${(stolen * 100).toFixed(0)} % of the time taken by other machines`}`;
  const lines = [
    `\`${command}\`, ${date}, ${seconds.toFixed(0)} s. ${description}; ${load}.`,
    ...(isBusy(machine)
      ? [
          '**The machine was busy with other work**: wall times are too long, and rates vary; compare them with the floor.',
        ]
      : []),
    ...tables.map(toMarkdown),
  ];
  return `${lines.join('\n\n')}\n`;
}
