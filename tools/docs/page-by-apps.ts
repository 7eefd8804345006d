import { format, resolveConfig } from 'prettier';

export interface PageByApps {
  readonly file: string;
  /** What stands before the tables. */
  readonly introduction: string;
  readonly columns: readonly string[];
  /** Rows of each app, made by {@link tableRow}. */
  readonly rows: Readonly<Record<string, readonly string[]>>;
  /** What stands after them. */
  readonly closing?: string;
}

/** A page with every row once: those of the same apps in one table, those of most apps first. */
export async function pageByApps({ file, introduction, columns, rows, closing = '' }: PageByApps): Promise<string> {
  const apps = Object.keys(rows);
  const users = new Map<string, string[]>();
  for (const app of apps) for (const row of rows[app] ?? []) users.set(row, [...(users.get(row) ?? []), app]);
  const tables = Array.from(Map.groupBy(users, ([, list]) => list.join(', ')).values())
    .map((entries) => ({ apps: entries[0]?.[1] ?? [], rows: entries.map(([row]) => row) }))
    .toSorted((a, b) => b.apps.length - a.apps.length);
  const sections = tables.map((table) => {
    const title = table.apps.length === apps.length ? 'All apps' : table.apps.join(', ');
    return [`## ${title}`, '', tableRow(columns), tableRow(columns.map(() => '---')), ...table.rows].join('\n');
  });
  const page = [introduction, ...sections, closing].join('\n\n');
  return format(page, { ...(await resolveConfig(file)), filepath: file });
}

export const tableRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Text as it stands in a table. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('*', '\\*');
