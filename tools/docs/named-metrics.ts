import { glob, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** The text files at or below these places of the repository. */
export async function textsOf(...places: string[]): Promise<{ readonly file: string; readonly text: string }[]> {
  const files: string[] = [];
  for (const place of places.map((each) => join(ROOT, each))) {
    if ((await stat(place)).isFile()) files.push(place);
    else for await (const file of glob(join(place, '**/*.{md,json,yaml,yml}'))) files.push(file);
  }
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })));
}

/** Metrics of Cordwood and of Fluent Bit that a text names, each once; those of a histogram by its own name. */
export function namedMetrics(text: string): string[] {
  const names = Array.from(text.matchAll(/\b(?:cordwood|fluentbit)_[a-z0-9_]+(?![a-z0-9_*])/g), ([name]) => name);
  return [...new Set(names.map((name) => name.replace(/(?<=_seconds|_bytes)_(?:bucket|sum|count)$/, '')))];
}

/** A metric that a query asks for, and whether it would take the samples of an app. */
export interface AskedMetric {
  readonly name: string;
  readonly takes: (app: string) => boolean;
}

/** What a query in PromQL asks of Cordwood; a histogram by its own name. */
export function askedMetrics(query: string): AskedMetric[] {
  return Array.from(query.matchAll(/\b(cordwood_\w+)(?:\{([^}]*)\})?/g), ([, name = '', selector = '']) => {
    const ofApp = Array.from(selector.matchAll(/(?<!\w)app(=~?|!=|!~)"([^"]*)"/g));
    return {
      name: namedMetrics(name)[0] ?? name,
      takes: (app: string) =>
        ofApp.every(([, operator = '', text = '']) => {
          const isMeant = operator.endsWith('~') ? new RegExp(`^(?:${text})$`).test(app) : app === text;
          return isMeant === operator.startsWith('=');
        }),
    };
  });
}
