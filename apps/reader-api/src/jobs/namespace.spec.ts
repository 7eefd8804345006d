import type { ContainerInstance } from '@cordwood/log-store';
import { expect, test } from '@jest/globals';
import type { ErrorCode } from '../errors/catalogue.ts';
import { inNamespace } from './namespace.ts';

const instances = (...namespaces: (string | undefined)[]): ContainerInstance<never>[] =>
  namespaces.map((namespace) => ({
    pod: 'job',
    namespace,
    container: 'c',
    containerId: '1',
    merged: [],
    raw: [],
    deletedUntil: undefined,
  }));

interface Row {
  readonly has: readonly (string | undefined)[];
  readonly asked?: string;
  readonly preset?: string;
  readonly gets: readonly (string | undefined)[] | ErrorCode;
}

// What nothing tells the namespace of goes with the only one there is.
test.each<Row>([
  { has: [], gets: [] },
  { has: ['a'], gets: ['a'] },
  { has: ['a', 'a'], gets: ['a', 'a'] },
  { has: [undefined], gets: [undefined] },
  { has: ['a', undefined], gets: ['a', undefined] },
  { has: ['a', 'b'], gets: 'ambiguous_namespace' },
  { has: ['a', 'b'], asked: 'b', gets: ['b'] },
  { has: ['a', 'b'], preset: 'b', gets: ['b'] },
  { has: ['a', 'b'], asked: 'a', preset: 'b', gets: ['a'] },
  { has: ['a', 'b', undefined], asked: 'a', gets: ['a'] },
  { has: ['a', undefined], asked: 'a', gets: ['a', undefined] },
  { has: ['a'], asked: 'b', gets: 'namespace_not_found' },
  { has: [undefined], asked: 'b', gets: 'namespace_not_found' },
  { has: ['a'], preset: 'b', gets: 'job_not_found' },
])('$has, asked $asked, preset $preset', ({ has, asked, preset, gets }) => {
  const choose = () => inNamespace('job', instances(...has), { asked, preset }).instances.map((each) => each.namespace);
  let outcome: unknown;
  try {
    outcome = choose();
  } catch (error) {
    outcome = (error as { code: unknown }).code;
  }
  expect(outcome).toEqual(gets);
});
