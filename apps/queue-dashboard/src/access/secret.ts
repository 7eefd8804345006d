import { readFile } from 'node:fs/promises';

/** A secret from the environment, or from the file that it names, without the line break at the end. */
export async function readSecret(value: string | undefined, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return value;
  return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
}

/** @throws Error when the secret is shorter than that */
export function requireLength(secret: string, name: string, least: number): string {
  if (secret.length >= least) return secret;
  throw new Error(`${name} has ${secret.length} characters: at least ${least} are needed`);
}
