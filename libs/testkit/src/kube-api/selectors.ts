import type { PodDouble } from './pod.ts';
import { badRequest } from './status.ts';

export type Selector = (pod: PodDouble) => boolean;

/** A label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas. @throws ApiError when it is none */
export function labelSelector(text: string | null): Selector {
  // Commas within parentheses belong to a set.
  const terms = (text ?? '').split(/,(?![^(]*\))/).map((term) => term.trim());
  const selectors = terms.filter((term) => term !== '').map(labelTerm);
  return (pod) => selectors.every((selector) => selector(pod));
}

function labelTerm(term: string): Selector {
  const [, key = '', operator, value = ''] = /^([\w./-]+)\s*(==|=|!=|\bin\b|\bnotin\b)\s*(.*)$/.exec(term) ?? [];
  const label = (pod: PodDouble, name: string) => (name in pod.labels ? pod.labels[name] : undefined);
  const set = value
    .replace(/^\(|\)$/g, '')
    .split(',')
    .map((each) => each.trim());
  switch (operator) {
    case '=':
    case '==':
      return (pod) => label(pod, key) === value;
    case '!=':
      return (pod) => label(pod, key) !== value;
    case 'in':
      return (pod) => set.includes(label(pod, key) ?? '\0');
    case 'notin':
      return (pod) => !set.includes(label(pod, key) ?? '\0');
    default: {
      const [, not, name] = /^(!?)\s*([\w./-]+)$/.exec(term) ?? [];
      if (name === undefined) throw badRequest(`unable to parse requirement: ${term}`);
      return (pod) => (label(pod, name) === undefined) === (not === '!');
    }
  }
}

const FIELDS: Readonly<Record<string, (pod: PodDouble) => string>> = {
  'metadata.name': (pod) => pod.name,
  'metadata.namespace': (pod) => pod.namespace,
  'status.phase': (pod) => pod.phase,
  'spec.nodeName': (pod) => (pod.scheduled ? 'node-1' : ''),
};

/** A field selector: `name=value` or `name!=value`, joined by commas. @throws ApiError for fields that pods can't be selected by */
export function fieldSelector(text: string | null): Selector {
  const selectors = (text ?? '')
    .split(',')
    .filter((term) => term !== '')
    .map((term): Selector => {
      const [, field = '', operator, value] = /^([\w.]+)(==|=|!=)(.*)$/.exec(term) ?? [];
      const read = FIELDS[field];
      if (read === undefined) throw badRequest(`field label not supported: ${field || term}`);
      return (pod) => (read(pod) === value) === (operator !== '!=');
    });
  return (pod) => selectors.every((selector) => selector(pod));
}
