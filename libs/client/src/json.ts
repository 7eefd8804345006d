import { CordwoodError } from './errors.ts';

/** What the service means by it. @throws CordwoodError for what is no JSON: a proxy may answer anything */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CordwoodError('unexpected_answer', `no JSON: ${text.slice(0, 200)}`, { cause });
  }
}
