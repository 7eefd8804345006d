/** What a person sees: lines that stay, and below them one that is rewritten in place. */
export interface Screen {
  /** Text that stays; may hold several lines. */
  print(text: string): void;
  /** The state: in place on a terminal, else as a line of its own every ten seconds. */
  status(text: string): void;
  /** Takes the line of state away. */
  end(): void;
}

/** How often the state is printed where it cannot be rewritten, in ms. */
const QUIET_MS = 10_000;

export function createScreen(out: NodeJS.WriteStream = process.stdout): Screen {
  let shown = '';
  let lastPrinted = -Infinity;
  const erase = () => {
    if (shown !== '') out.write('\r\u001b[2K');
  };
  return {
    print: (text) => {
      erase();
      out.write(`${text}\n${shown}`);
    },
    status: (text) => {
      const line = `${new Date().toTimeString().slice(0, 8)} │ ${text}`;
      if (out.isTTY) {
        erase();
        // A line that wraps could not be erased.
        shown = line.slice(0, Math.max(20, out.columns - 1));
        out.write(shown);
      } else if (performance.now() - lastPrinted >= QUIET_MS) {
        lastPrinted = performance.now();
        out.write(`${line}\n`);
      }
    },
    end: () => {
      erase();
      shown = '';
    },
  };
}

/** Rows of a table with aligned columns, indented by two. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map(
      (row) => `  ${row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  ')}`,
    )
    .join('\n');
}

const OWN_FIELDS = new Set(['time', 'level', 'message', 'app', 'queue', 'job', 'jobId', 'attempt']);

/** A warning or error of an app's log, for people; undefined for what is neither. What is no log line is shown as it is. */
export function readableProblem(name: string, line: string): string | undefined {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return `${name}: ${line}`;
  }
  if (entry['level'] !== 'warn' && entry['level'] !== 'error') return undefined;
  const fields = Object.entries(entry)
    .filter(([field]) => !OWN_FIELDS.has(field))
    .map(([field, value]) => `${field}=${short(value)}`);
  return [`${name}: ${entry['level'].toUpperCase()} ${String(entry['message'])}`, ...fields].join('  ');
}

function short(value: unknown): string {
  const { message } = Object(value) as { message?: unknown };
  const text = typeof message === 'string' ? message : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
