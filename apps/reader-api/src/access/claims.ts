import { fitsPattern } from '@cordwood/pod-metadata';
import type { JWTPayload } from 'jose';
import type { Caller, Verb } from './caller.ts';

/** Which claims of a token say what. A name is that of a claim, or else a path through claims (`realm_access.roles`). */
export interface ClaimMapping {
  readonly username: string;
  readonly namespaces: string;
  /** Undefined: every job of the namespaces. */
  readonly jobs: string | undefined;
  /** Undefined: nobody may delete. */
  readonly delete: string | undefined;
}

/** What the claims of a good token allow; undefined when they name no user. */
export function callerOf(claims: JWTPayload, mapping: ClaimMapping): Caller | undefined {
  const user = claimOf(claims, mapping.username);
  if (typeof user !== 'string' || user === '') return undefined;
  const namespaces = patternsOf(claimOf(claims, mapping.namespaces));
  const jobs = mapping.jobs === undefined ? ['*'] : patternsOf(claimOf(claims, mapping.jobs));
  const deletes = mapping.delete === undefined ? undefined : claimOf(claims, mapping.delete);
  const placesToDelete = deletes === true ? ['*'] : patternsOf(deletes);
  // Nobody may delete what they may not read.
  const places = (verb: Verb) => (verb === 'get' ? [namespaces] : [namespaces, placesToDelete]);
  return {
    user,
    may: (verb, namespace, job) =>
      Promise.resolve(
        namespace !== undefined && fitsAny(jobs, job) && places(verb).every((patterns) => fitsAny(patterns, namespace)),
      ),
    mayEverything: (verb) => Promise.resolve([jobs, ...places(verb)].every((patterns) => patterns.includes('*'))),
  };
}

/** A claim's own name may hold dots, as URLs do. */
function claimOf(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>(
      (at, part) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, part)
          ? (at as Record<string, unknown>)[part]
          : undefined,
      claims,
    );
}

/** A list of patterns, or a text of several. Anything else allows nothing. */
function patternsOf(claim: unknown): readonly string[] {
  const list: readonly unknown[] =
    typeof claim === 'string' ? claim.split(/[\s,]+/) : Array.isArray(claim) ? claim : [];
  return list.filter((each): each is string => typeof each === 'string' && each !== '');
}

const fitsAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => fitsPattern(pattern, name));
