import { badRequest } from './status.ts';

/** Whether something with these labels, or fields, is meant. */
export type Selector = (values: Readonly<Record<string, string>>) => boolean;

const LABEL_KEY = String.raw`(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?`;
const LABEL_VALUE = String.raw`(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?`;
const EXISTS = new RegExp(String.raw`^(!?)\s*(${LABEL_KEY})$`);
const EQUALS = new RegExp(String.raw`^(${LABEL_KEY})\s*(=|==|!=)\s*(${LABEL_VALUE})$`);
const COMPARES = new RegExp(String.raw`^(${LABEL_KEY})\s*([<>])\s*(-?\d{1,15})$`);
const IN_SET = new RegExp(String.raw`^(${LABEL_KEY})\s+(in|notin)\s*\(([^()]*)\)$`);

/** A `labelSelector` as Kubernetes has them. Throws StatusError. */
export function parseLabelSelector(text: string): Selector {
  // Commas within parentheses are those of a set.
  const parts = text.trim() === '' ? [] : text.split(/,(?![^(]*\))/);
  const requirements = parts.map((part) => requirement(part.trim()) ?? unparsable(text));
  return (labels) => requirements.every((isMet) => isMet(labels));
}

function requirement(text: string): Selector | undefined {
  const [, not, existing] = EXISTS.exec(text) ?? [];
  if (existing !== undefined) return (labels) => Object.hasOwn(labels, existing) === (not === '');
  const [, key = '', operator, value = ''] = EQUALS.exec(text) ?? COMPARES.exec(text) ?? IN_SET.exec(text) ?? [];
  const has = (labels: Readonly<Record<string, string>>) => Object.hasOwn(labels, key);
  const set = value.split(',').map((each) => each.trim());
  switch (operator) {
    case '=':
    case '==':
      return (labels) => has(labels) && labels[key] === value;
    case '!=':
      return (labels) => !has(labels) || labels[key] !== value;
    case '<':
      return (labels) => has(labels) && Number(labels[key]) < Number(value);
    case '>':
      return (labels) => has(labels) && Number(labels[key]) > Number(value);
    case 'in':
      return (labels) => has(labels) && set.includes(labels[key] ?? '');
    case 'notin':
      return (labels) => !has(labels) || !set.includes(labels[key] ?? '');
    default:
      return undefined;
  }
}

const unparsable = (text: string): never => {
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text.slice(0, 200))} is no label selector`);
};

/** Fields of pods that Kubernetes selects by. */
const FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.podIPs',
  'status.nominatedNodeName',
];

export interface FieldSelector {
  readonly matches: Selector;
  /** The only name there can be. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
}

/** A `fieldSelector` as Kubernetes has them. What a pod does not say of itself is the empty text. Throws StatusError. */
export function parseFieldSelector(text: string): FieldSelector {
  const terms = text.split(/(?<!\\),/).filter((term) => term !== '');
  const parsed = terms.map((term) => {
    const [, field = '', operator, value = ''] = /^([^=!]+)(==?|!=)(.*)$/s.exec(term) ?? [];
    if (operator === undefined) throw badRequest(`invalid field selector: ${JSON.stringify(term.slice(0, 200))}`);
    if (!FIELDS.includes(field)) throw badRequest(`field label not supported: ${field.slice(0, 200)}`);
    return { field, isEqual: operator !== '!=', value: value.replace(/\\([\\,=])/g, '$1') };
  });
  const only = (wanted: string) => parsed.find(({ field, isEqual }) => field === wanted && isEqual)?.value;
  return {
    matches: (fields) => parsed.every(({ field, isEqual, value }) => ((fields[field] ?? '') === value) === isEqual),
    name: only('metadata.name'),
    namespace: only('metadata.namespace'),
  };
}
