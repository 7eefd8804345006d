import type { JobPage } from '../jobs/job-catalogue.ts';
import type { Cursors } from '../jobs/cursor.ts';
import { badRequest } from './status.ts';

/**
 * How far a list has come: a token of Kubernetes (empty: its beginning), or the last archived job that was looked at (undefined: none yet).
 * `hidden`: it names what the client may not know of.
 */
export type Place = LivePlace | { readonly after: JobPage['last'] };

export interface LivePlace {
  readonly live: string;
  readonly hidden: boolean;
  /** Of what the token leads to, only pods after this one, `namespace/name`; undefined: all. Only where `hidden`. */
  readonly past?: string | undefined;
}

/** A place as clients get it: opaque to them, so that what it holds may change. */
export function formatContinue(place: Place, cursors: Cursors): string {
  const text = 'live' in place ? ofLive(place, cursors) : `archive:${ofArchive(place.after, cursors)}`;
  return Buffer.from(`1:${text}`).toString('base64url');
}

/** Tokens of Kubernetes hold the name of the pod that a page ended with. */
const ofLive = ({ live, hidden, past = '' }: LivePlace, cursors: Cursors): string =>
  hidden ? `sealed:${cursors.seal(`${live} ${past}`)}` : `live:${live}`;

const ofArchive = (after: JobPage['last'], cursors: Cursors): string =>
  after === undefined ? '' : cursors.format(after.name, after.hidden);

/** The inverse of {@link formatContinue}. Throws StatusError for what is none. */
export function parseContinue(token: string, cursors: Cursors): Place {
  const bytes = Buffer.from(token, 'base64url');
  const [, where, rest = ''] = /^1:(live|sealed|archive):(.*)$/s.exec(bytes.toString('latin1')) ?? [];
  // Whether the caller may know of what it names does not matter to where the list goes on.
  const hidden = true;
  if (where !== undefined && bytes.toString('base64url') === token) {
    if (where === 'archive' && rest === '') return { after: undefined };
    if (where === 'live') return { live: rest, hidden };
    const text = where === 'sealed' ? cursors.unseal(rest) : cursors.parse(rest);
    if (text !== undefined && where === 'archive') return { after: { name: text, hidden } };
    if (text !== undefined) {
      const [live = '', past] = text.split(' ');
      return { live, hidden, past };
    }
  }
  throw badRequest('continue key is not valid: it is none of this API');
}
