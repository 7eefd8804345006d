import type { Instant } from '@cordwood/log-record';
import { parseTime } from '@cordwood/log-record';
import { isContainerName, isNamespaceName, isPodName } from '@cordwood/s3-key-format';
import { parseDuration } from '@cordwood/service';
import { z } from 'zod';
import { parameter } from './query.ts';

/** What Kubernetes takes as a DNS label, and as a name of several. */
const LABEL = '[a-z0-9]([a-z0-9-]*[a-z0-9])?';
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`;

const check = (isValid: (text: string) => boolean) => (text: string) => (isValid(text) ? text : undefined);

export const namespaceParameter = parameter(
  'a Kubernetes namespace (lower case letters, digits, "-", at most 63)',
  check(isNamespaceName),
  {
    description:
      'The Kubernetes namespace. Default: that of `JOBS_NAMESPACE`, else the only one that has the job; needed only where several have it.',
    pattern: `^${LABEL}$`,
    maxLength: 63,
    examples: ['jobs'],
  },
);

export const containerParameter = parameter(
  'a container name (lower case letters, digits, "-", ".", at most 63) or * for all',
  check((text) => text === '*' || isContainerName(text)),
  {
    description:
      'The container; `*` for all. Default: the one named like the job, else the first of the log. The header `X-Container` says which it is.',
    pattern: String.raw`^(\*|${SUBDOMAIN})$`,
    maxLength: 63,
    examples: ['main', '*'],
  },
);

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, 1: true, false: false, 0: false };

/** `description`: what it is for. */
export const booleanParameter = (description: string) =>
  parameter(
    'true, false, 1 or 0',
    (text) => (Object.hasOwn(BOOLEANS, text.toLowerCase()) ? BOOLEANS[text.toLowerCase()] : undefined),
    { type: 'boolean', description, default: false },
  );

/** A point in time, or how long ago it is by the store's clock. */
export type Since = { readonly at: Instant } | { readonly msAgo: number };

const timeParameter = (description: string) =>
  parameter(
    'an RFC 3339 time such as 2026-11-20T10:00:00Z or a duration such as 500ms, 90s, 15m, 1h or 7d',
    (text): Since | undefined => {
      const msAgo = parseDuration(text);
      if (msAgo !== undefined) return { msAgo };
      // A plus that was sent as it is has become a blank on its way.
      const time = text.replace(/ (?=\d\d:?\d\d$)/, '+');
      const [, hours = '0', minutes = '0'] = /T.*[+-](\d\d):?(\d\d)$/i.exec(time) ?? [];
      if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
      const at = parseTime(time);
      return at && { at };
    },
    {
      description: `${description}: an RFC 3339 time, or a duration back from now (by the clock of the store).`,
      examples: ['15m', '2026-11-20T10:00:00Z'],
    },
  );

export const sinceParameter = timeParameter('Only messages at or after this');
export const untilParameter = timeParameter('Only messages at or before this');

/** Goes into a header. */
export const separatorParameter = parameter(
  'printable ASCII text of 1 to 200 characters',
  check((text) => /^[\x20-\x7e]{1,200}$/.test(text) && text.trim() !== ''),
  {
    description:
      'The line that stands before the live part, and comes back in the header `X-Separator`. Default: one that no log holds by chance.',
    pattern: '^[ -~]*[!-~][ -~]*$',
    maxLength: 200,
  },
);

export const jobParameter = parameter(
  'the name of a pod (lower case letters, digits, "-", ".", at most 253)',
  check(isPodName),
  {
    description: 'The job: the name of its pod.',
    pattern: `^${SUBDOMAIN}$`,
    maxLength: 253,
    examples: ['sample-job'],
  },
);

/** The path of all routes of one job. */
export const jobPath = z.strictObject({ job: jobParameter });
