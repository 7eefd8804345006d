/** What an ID token says. */
export type Claims = Readonly<Record<string, unknown>>;

/** How the user is called in log lines. */
export function nameOf(claims: Claims): string {
  const names = [claims['preferred_username'], claims['email'], claims['sub']];
  return names.find((name) => typeof name === 'string' && name !== '') as string;
}

/** A list, or text with blanks or commas. */
export function groupsOf(claims: Claims, claim: string): readonly string[] {
  const value = claims[claim];
  if (Array.isArray(value)) return value.filter((each) => typeof each === 'string');
  return typeof value === 'string' ? value.split(/[\s,]+/).filter((each) => each !== '') : [];
}

/** Where to go after signing in: a path of ours, whatever was asked for. */
export function pathWithin(base: string, wanted: unknown): string {
  const home = base === '/' ? '/' : `${base}/`;
  // It is kept in a cookie, for which browsers have some 4 KB.
  if (typeof wanted !== 'string' || wanted.length > 1_000 || !wanted.startsWith(home)) return home;
  // What a browser would take for another host, or another path.
  return /^\/[/\\]|[\\\p{Cc}]|\/\.\.?(?:\/|$)/u.test(wanted) ? home : wanted;
}
