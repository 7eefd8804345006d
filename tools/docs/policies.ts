import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FaultProxy, type ProxiedRequest, startFaultProxy } from '@cordwood/testkit';
import { ROOT } from './named-metrics.ts';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

export type Policy = readonly Statement[];

/** The policy of an app, as docs/runbook.md has it. */
export async function policyOf(app: string): Promise<Policy> {
  const text = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8');
  const [, json = ''] = new RegExp(String.raw`\*\*${app}\*\*[^]*?\n\`\`\`json\n([^]*?)\`\`\``).exec(text) ?? [];
  return (JSON.parse(json) as { Statement: Statement[] }).Statement;
}

const list = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

/** Whether the policy allows the action; `resource` is the bucket `logs`, or an object of it. */
export function allows(policy: Policy, action: string, resource: string): boolean {
  return policy.some(
    (each) =>
      list(each.Action).includes(action) &&
      list(each.Resource).some((pattern) =>
        pattern.endsWith('*') ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern,
      ),
  );
}

/** An action with a resource it was taken on. */
export type Right = readonly [action: string, resource: string];

/** What a policy allows that none of these rights needs. */
export const unneeded = (policy: Policy, used: readonly Right[]): string[] =>
  policy.flatMap(({ Action, Resource }) =>
    list(Action).flatMap((action) =>
      list(Resource)
        .filter((resource) => !used.some((right) => allows([{ Action: action, Resource: resource }], ...right)))
        .map((resource) => `${action} ${resource}`),
    ),
  );

/** How policies call an object of the bucket. */
export const objectArn = (key: string): string => `arn:aws:s3:::logs/${key}`;

/** The rights that S3 asks for; of a batch of deletions, whose keys are in its body, none in particular. */
function neededFor({ method, url, headers }: ProxiedRequest, prefix: string): Right[] {
  const arn = (path: string) => `arn:aws:s3:::${path.replace(/^\//, '').replace(`/${prefix}`, '/').replace(/\/$/, '')}`;
  const [path = '', query = ''] = url.split('?');
  const target = arn(decodeURIComponent(path));
  if (method === 'POST') return [];
  if (query.includes('list-type')) return [['s3:ListBucket', target]];
  if (method === 'DELETE') return [['s3:DeleteObject', target]];
  if (method !== 'PUT') return [['s3:GetObject', target]];
  const source = headers['x-amz-copy-source'];
  const copied: Right[] = typeof source === 'string' ? [['s3:GetObject', arn(decodeURIComponent(source))]] : [];
  return [['s3:PutObject', target], ...copied];
}

/** What stands before the S3 of a test. */
export interface PolicyProxyOptions {
  readonly endpoint: string;
  /** `BUCKET_PREFIX`, which the policies are written without. */
  readonly prefix: string;
  readonly policy: Policy;
  /** Hears of each right that was made use of. */
  readonly onUsed?: (right: Right) => void;
  /** Hears of each right that was lacking, `action resource`. */
  readonly onRefused: (right: string) => void;
}

/** An S3 endpoint that lets pass what the policy allows, and answers AccessDenied to all else. */
export const startPolicyProxy = ({
  endpoint,
  prefix,
  policy,
  onUsed,
  onRefused,
}: PolicyProxyOptions): Promise<FaultProxy> =>
  startFaultProxy(endpoint, {
    decide: (request) => {
      const needed = neededFor(request, prefix);
      const lacking = needed.filter((right) => !allows(policy, ...right));
      for (const right of lacking) onRefused(right.join(' '));
      if (lacking.length === 0) for (const right of needed) onUsed?.(right);
      return lacking.length === 0 ? undefined : { status: 403, code: 'AccessDenied' };
    },
  });
