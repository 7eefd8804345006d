export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how to log in. `tls` is for every connection, those to Sentinels included. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server; the Sentinels; nodes of the Cluster to start from. Never empty. */
  readonly hosts: readonly HostAndPort[];
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Database number; always 0 in a Cluster. */
  readonly db: number;
  /** Name of the master that the Sentinels watch; only for `sentinel`. */
  readonly master?: string;
  /** How to log in to the Sentinels themselves, where they ask for it; only for `sentinel`. */
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

const DEFAULT_PORTS = { single: 6379, cluster: 6379, sentinel: 26_379 } as const;

/**
 * Takes a Redis URL apart; undefined when it is none. The forms, all with an optional `user:password@` (or `:password@`,
 * percent-encoded) after `//`, and with `rediss` instead of `redis` for TLS:
 *
 * - `redis://host[:6379][/db]`: one server.
 * - `redis+sentinel://host[:26379],host,…/master-name[/db]`: the master that these Sentinels name.
 *   User and password are the master's; those of the Sentinels follow at the end: `?sentinelPassword=…&sentinelUsername=…`, percent-encoded too.
 * - `redis+cluster://host[:6379],host,…`: a Cluster; any of its nodes will do to begin with.
 *
 * IPv6 addresses stand in brackets.
 */
export function parseRedisUrl(url: string): RedisTarget | undefined {
  const match =
    /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)((?:\/[^/?#]*){0,2})(?:\?([^#]*))?$/.exec(url);
  if (!match) return undefined;
  const [, scheme, mode, login = '', hostList = '', path = '', query] = match;
  const kind = mode === 'sentinel' || mode === 'cluster' ? mode : 'single';

  const hosts = hostList.split(',').map((host) => parseHost(host, DEFAULT_PORTS[kind]));
  if (!hosts.every((host) => host !== undefined)) return undefined;
  if (kind === 'single' && hosts.length !== 1) return undefined;

  const parts = path.split('/').slice(1);
  const master = kind === 'sentinel' ? parts.shift() : undefined;
  if (kind === 'sentinel' && !master) return undefined;
  const dbText = parts.shift() ?? '';
  if (parts.length > 0 || !/^\d{0,4}$/.test(dbText)) return undefined;
  const db = Number(dbText);
  if (kind === 'cluster' && db !== 0) return undefined;

  const credentials = parseLogin(login);
  const ofSentinels = query === undefined ? {} : kind === 'sentinel' ? parseSentinelLogin(query) : undefined;
  if (!credentials || !ofSentinels) return undefined;
  return {
    kind,
    hosts,
    tls: scheme === 'rediss',
    db,
    ...credentials,
    ...(master ? { master: decode(master) ?? master } : {}),
    ...ofSentinels,
  };
}

function parseHost(text: string, defaultPort: number): HostAndPort | undefined {
  const [, v6, name, portText] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = v6 ?? name;
  const port = portText === undefined ? defaultPort : Number(portText);
  return host === undefined || port > 65_535 || port === 0 ? undefined : { host, port };
}

function parseLogin(text: string): { username?: string; password?: string } | undefined {
  if (text === '') return {};
  const colon = text.indexOf(':');
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = decode(colon < 0 ? '' : text.slice(colon + 1));
  if (username === undefined || password === undefined) return undefined;
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

type SentinelLogin = Pick<RedisTarget, 'sentinelUsername' | 'sentinelPassword'>;

/** Each at most once, and nothing else: what is misspelt would be a login without a password. */
function parseSentinelLogin(query: string): SentinelLogin | undefined {
  const login: { -readonly [name in keyof SentinelLogin]: string } = {};
  for (const [, name, text = ''] of `&${query}`.matchAll(/&([^=&]*)=?([^&]*)/g)) {
    const value = decode(text);
    if (name !== 'sentinelUsername' && name !== 'sentinelPassword') return undefined;
    if (value === undefined || value === '' || name in login) return undefined;
    login[name] = value;
  }
  return login;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
