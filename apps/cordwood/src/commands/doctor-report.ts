import { type Checked, explain, type Finding } from '@cordwood/doctor';
import { type CommandContext, type ExitCode, printable } from '../command.ts';

/** What the doctor prints: finding by finding, as they come. */
export interface Report {
  /** What was found. */
  add(checked: Checked): void;
  /** Something that was repaired. */
  done(pod: string, what: string): void;
  /** What is found at a pod after it was repaired, in place of what was before. */
  recheck(checked: Checked): void;
  /** The last line, and how the command ends. */
  end(): ExitCode;
}

/** A report in words, or as JSON, one object a line. */
export function createReport({ out }: Pick<CommandContext, 'out'>, json: boolean): Report {
  let pods = 0;
  let problems = 0;
  let information = 0;
  let repairs = 0;
  const ofLast = { problems: 0, information: 0 };

  const count = (findings: readonly Finding[]): void => {
    const found = findings.filter((finding) => explain(finding).severity === 'problem').length;
    ofLast.problems = found;
    ofLast.information = findings.length - found;
    problems += ofLast.problems;
    information += ofLast.information;
  };
  const print = (findings: readonly Finding[], after: boolean): void => {
    for (const finding of findings) out(json ? asJson(finding, after) : asText(finding, after));
  };
  return {
    add: ({ pod, findings }) => {
      if (pod !== undefined) pods++;
      count(findings);
      print(findings, false);
    },
    done: (pod, what) => {
      repairs++;
      out(json ? line({ pod, repaired: what }) : `repaired     ${printable(what)}\n`);
    },
    recheck: ({ findings }) => {
      problems -= ofLast.problems;
      information -= ofLast.information;
      count(findings);
      print(findings, true);
    },
    end: () => {
      const summary = { pods, problems, information, repairs };
      out(json ? line({ summary }) : `${inWords(summary)}\n`);
      return problems === 0 ? 0 : 1;
    },
  };
}

const line = (value: unknown): string => `${JSON.stringify(value)}\n`;

const asJson = (finding: Finding, afterRepair: boolean): string =>
  line({ ...finding, ...explain(finding), ...(afterRepair && { afterRepair }) });

function asText(finding: Finding, afterRepair: boolean): string {
  const { severity, text, repair } = explain(finding);
  const what = `${severity.padEnd(13)}${finding.key} (${finding.kind}${afterRepair ? ', after repair' : ''}): ${text}`;
  return `${printable(what)}\n${repair === undefined || afterRepair ? '' : `             --repair ${repair}\n`}`;
}

const inWords = (summary: { pods: number; problems: number; information: number; repairs: number }): string =>
  `${summary.pods.toString()} pods, ${summary.problems.toString()} problems, ${summary.information.toString()} remarks` +
  (summary.repairs > 0 ? `, ${summary.repairs.toString()} repairs` : '');
