import type { Instant } from '@cordwood/log-record';
import { parseTime } from '@cordwood/log-record';
import { isContainerName, isNamespaceName, isPodName } from '@cordwood/s3-key-format';
import { parseDuration } from '@cordwood/service';
import { ApiError } from '../errors/catalogue.ts';
import { parameter, shown } from './query.ts';

const check = (isValid: (text: string) => boolean) => (text: string) => (isValid(text) ? text : undefined);

export const namespaceParameter = parameter(
  'a Kubernetes namespace (lower case letters, digits, "-", at most 63)',
  check(isNamespaceName),
);

export const containerParameter = parameter(
  'a container name (lower case letters, digits, "-", ".", at most 63) or * for all',
  check((text) => text === '*' || isContainerName(text)),
);

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };

export const booleanParameter = parameter('true, false, 1 or 0', (text) =>
  Object.hasOwn(BOOLEANS, text.toLowerCase()) ? BOOLEANS[text.toLowerCase()] : undefined,
);

/** A point in time, or how long ago it is by the store's clock. */
export type Since = { readonly at: Instant } | { readonly msAgo: number };

export const sinceParameter = parameter(
  'an RFC 3339 time such as 2026-11-20T10:00:00Z or a duration such as 500ms, 90s, 15m, 1h or 7d',
  (text): Since | undefined => {
    const msAgo = parseDuration(text);
    if (msAgo !== undefined) return { msAgo };
    // A plus that was sent as it is has become a blank on its way.
    const at = parseTime(text.replace(/ (?=\d\d:?\d\d$)/, '+'));
    return at && { at };
  },
);

/** Goes into a header. */
export const separatorParameter = parameter(
  'printable ASCII text of 1 to 200 characters',
  check((text) => /^[\x20-\x7e]{1,200}$/.test(text) && text.trim() !== ''),
);

/** The name in the path. Throws ApiError. */
export function jobName(text: string | undefined): string {
  if (text !== undefined && isPodName(text)) return text;
  const allowed = 'the name of a pod (lower case letters, digits, "-", ".", at most 253) is allowed';
  throw new ApiError('invalid_parameter', `job holds ${shown(text ?? '')}: ${allowed}`);
}
