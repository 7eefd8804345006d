import { readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseRawKey } from '@cordwood/s3-key-format';
import { ROOT } from './render.ts';

interface Section {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/** A file in Fluent Bit's classic format; names of options in lower case, as Fluent Bit compares them. */
function readConfiguration(path: string): Section[] {
  const sections: { name: string; options: Map<string, string> }[] = [];
  for (const line of readFileSync(join(ROOT, path), 'utf8').split('\n')) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const [, section] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, option, value] = /^ {4}(\S+)\s+(\S.*)$/.exec(line) ?? [];
    if (section !== undefined) sections.push({ name: section, options: new Map() });
    else if (option !== undefined && value !== undefined) sections.at(-1)?.options.set(option.toLowerCase(), value);
    else throw new Error(`${path}: ${line}`);
  }
  return sections;
}

const section = (sections: readonly Section[], name: string, plugin?: string) => {
  const found = sections.filter(
    ({ name: its, options }) => its === name && (plugin ?? options.get('name')) === options.get('name'),
  );
  if (found.length !== 1) throw new Error(`${found.length} sections ${name} ${plugin ?? ''}`);
  return found[0]!.options;
};

const FIXTURE = 'libs/testkit/fixtures/fluent-bit/b_gzip/conf';

describe('deploy/fluent-bit', () => {
  const configuration = readConfiguration('deploy/fluent-bit/fluent-bit.conf');
  const recorded = readConfiguration(`${FIXTURE}/fluent-bit.conf`);

  test('keys are raw keys of Cordwood', () => {
    const input = section(configuration, 'INPUT', 'tail');
    const output = section(configuration, 'OUTPUT', 's3');
    const file = `/var/log/containers/job-1.a_jobs_main-app-${'0123456789abcdef'.repeat(4)}.log`;
    // The path with dots for its slashes takes the place of the star.
    const tag = input.get('tag')?.replace('*', file.slice(1).replaceAll('/', '.')) ?? '';
    const match = new RegExp(
      `^${
        output
          .get('match')
          ?.replaceAll('.', String.raw`\.`)
          .replace('*', '.*') ?? ''
      }$`,
    );
    expect(tag).toMatch(match);
    const time = { '%Y': '2026', '%m': '11', '%d': '20', '%H': '10', '%M': '07' };
    const key = Object.entries({ $TAG: tag, $INDEX: '42', ...time }).reduce(
      (format, [from, to]) => format.replaceAll(from, to),
      output.get('s3_key_format') ?? '',
    );
    expect(parseRawKey(key.slice(1))).toMatchObject({
      ok: true,
      key: { pod: 'job-1.a', namespace: 'jobs', container: 'main-app', date: '202611201007', index: '42' },
    });
  });

  test.each(['s3_key_format', 'static_file_path', 'use_put_object', 'json_date_key', 'compression'])(
    '%s is what the recorded uploads were written with',
    (option) => {
      expect(section(configuration, 'OUTPUT', 's3').get(option)).toBe(section(recorded, 'OUTPUT', 's3').get(option));
    },
  );

  test('so is the parser', () => {
    const isCri = ({ options }: Section) => options.get('name') === 'cri';
    const ours = readConfiguration('deploy/fluent-bit/parsers.conf').filter(isCri);
    expect(section(configuration, 'INPUT').get('parser')).toBe('cri');
    expect(ours).toEqual(readConfiguration(`${FIXTURE}/parsers.conf`).filter(isCri));
  });

  test('whose logs are kept is said in the overlay that is there to be copied, and where it is explained', () => {
    const overlay = readFileSync(join(ROOT, 'deploy/kubernetes/overlays/production/kustomization.yaml'), 'utf8');
    const [, paths = ''] = /^ +- LOG_PATH=(.*)$/m.exec(overlay) ?? [];
    const isKept = (namespace: string, patterns: string) =>
      patterns.split(',').some((pattern) => matchesGlob(`/var/log/containers/a.b_${namespace}_c-1-0af.log`, pattern));
    expect(['jobs', 'other-jobs', 'jobs-2'].map((namespace) => isKept(namespace, paths))).toEqual([true, false, false]);
    const readme = readFileSync(join(ROOT, 'deploy/fluent-bit/README.md'), 'utf8');
    const [, several = ''] = /^`(\/var\/log\/containers\/\S+,\S+)`/m.exec(readme) ?? [];
    expect(overlay).toContain(`# ${several}\n`);
    expect(['jobs', 'ci-7', 'default'].map((namespace) => isKept(namespace, several))).toEqual([true, true, false]);
    for (const page of ['docs/runbook.md', 'deploy/kubernetes/README.md'])
      expect(readFileSync(join(ROOT, page), 'utf8')).toContain('`LOG_PATH` of');
  });

  test('what is not uploaded yet lies on the node', () => {
    const state = '/var/lib/cordwood-fluent-bit/';
    for (const path of [
      section(configuration, 'SERVICE').get('storage.path'),
      section(configuration, 'INPUT').get('db'),
      section(configuration, 'OUTPUT').get('store_dir'),
    ]) {
      expect(path?.startsWith(state)).toBe(true);
    }
    expect(readFileSync(join(ROOT, 'deploy/fluent-bit/daemon-set.yaml'), 'utf8')).toContain(
      `hostPath: { path: ${state.slice(0, -1)}, type: DirectoryOrCreate }`,
    );
  });
});
