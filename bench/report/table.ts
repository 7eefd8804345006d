/** Undefined: there is nothing to say. */
export type Cell = number | string | undefined;
export type Row = Readonly<Record<string, Cell>>;

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Digits of numbers after the point; default 1; `all`: as many as the number has; `significant`: three that say something. */
  readonly digits?: number | 'all' | 'significant';
}

/** Rows that belong together, with numbers as measured: what they are rounded to is a matter of the columns. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** The table in Markdown, without columns that no row has anything in. */
export function toMarkdown({ title, columns, rows }: Table): string {
  const used = columns.filter(({ key }) => rows.some((row) => row[key] !== undefined));
  const lines = [
    used.map((column) => column.title),
    used.map(() => '---'),
    ...rows.map((row) => used.map((column) => text(row[column.key], column))),
  ];
  return `### ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

const SIGNIFICANT = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

function text(cell: Cell, { digits = 1 }: Column): string {
  if (cell === undefined) return '';
  if (typeof cell !== 'number' || digits === 'all') return cell.toString();
  return digits === 'significant' ? SIGNIFICANT.format(cell) : cell.toFixed(digits);
}
