import { readFile, writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

/** Puts the text between the marks of a Markdown file. @throws Error when the file has no such marks */
export async function replaceMarked(file: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8');
  const begin = before.indexOf(BEGIN);
  const end = before.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} lacks the lines ${BEGIN} and ${END}`);
  const after = `${before.slice(0, begin + BEGIN.length)}\n\n${text.trim()}\n\n${before.slice(end)}`;
  await writeFile(file, await format(after, { ...(await resolveConfig(file)), filepath: file }));
}
