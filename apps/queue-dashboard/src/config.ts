import {
  choice,
  defineConfig,
  duration,
  httpUrl,
  isLoopback,
  limit,
  LOOPBACK_HOSTS,
  processVariables,
  queueVariables,
  serverVariables,
  urlPath,
  variable,
  words,
} from '@cordwood/service';
import type { z } from 'zod';

/** Who may see the queues, and steer them. */
const accessVariables = {
  AUTH_MODE: variable(choice('none', 'basic', 'oidc').optional(), {
    description:
      'Who is let in. none: whoever reaches the port. basic: who knows the password. oidc: whom an OpenID Connect issuer signs in. ' +
      'Unset: as none, and the dashboard listens on this machine’s loopback addresses only.',
  }),
  DASHBOARD_MODE: variable(choice('readonly', 'operator').prefault('readonly'), {
    description: 'readonly: nothing can be changed. operator: jobs can be retried, removed, promoted, queues paused.',
    default: 'readonly',
  }),
  BASIC_AUTH_USER: variable(words('a user name').prefault('operator'), {
    description: 'basic: the user name.',
    default: 'operator',
  }),
  BASIC_AUTH_PASSWORD: variable(words('a password').optional(), {
    description: 'basic: the password, 12 characters or more.',
    secret: 'all',
  }),
  BASIC_AUTH_PASSWORD_FILE: variable(words('the path of a file').optional(), {
    description: 'basic: the file with the password, instead of BASIC_AUTH_PASSWORD.',
  }),
  OIDC_ISSUER: variable(httpUrl('https://login.example.com/realms/main').optional(), {
    description: 'oidc: the issuer’s URL; the rest is found by discovery.',
  }),
  OIDC_CLIENT_ID: variable(words('a client’s id').optional(), {
    description: 'oidc: the client as the issuer knows it; its redirect URI is PUBLIC_URL followed by /login/callback.',
  }),
  OIDC_CLIENT_SECRET: variable(words('a secret').optional(), {
    description: 'oidc: the client’s secret. Neither this nor a file: a public client, which PKCE alone protects.',
    secret: 'all',
  }),
  OIDC_CLIENT_SECRET_FILE: variable(words('the path of a file').optional(), {
    description: 'oidc: the file with the client’s secret, instead of OIDC_CLIENT_SECRET.',
  }),
  OIDC_SCOPE: variable(words('scopes, separated by blanks').prefault('openid profile'), {
    description: 'oidc: the scopes that are asked for.',
    default: 'openid profile',
  }),
  OIDC_GROUPS_CLAIM: variable(words('the name of a claim').prefault('groups'), {
    description: 'oidc: the claim of the ID token with the user’s groups, a list or text with blanks or commas.',
    default: 'groups',
  }),
  OIDC_ALLOWED_GROUPS: variable(words('names of groups, separated by commas').optional(), {
    description: 'oidc: who is in one of these groups is let in. Unset: everybody whom the issuer signs in.',
  }),
  SESSION_SECRET: variable(words('a secret').optional(), {
    description:
      'oidc: what session cookies are encrypted with, 32 characters or more; the same in all replicas. Unset: a session ends with the process.',
    secret: 'all',
  }),
  SESSION_SECRET_FILE: variable(words('the path of a file').optional(), {
    description: 'oidc: the file with the same, instead of SESSION_SECRET.',
  }),
  SESSION_DURATION: variable(duration({ min: '1m', max: '30d' }).prefault('8h'), {
    description: 'oidc: how long after signing in one has to sign in again.',
    default: '8h',
  }),
  SIGN_IN_LIMIT: variable(limit().prefault('10'), {
    description: 'Failed sign-ins per minute and address, after which that address has to wait; off: any number.',
    default: '10',
  }),
};

const NEEDED = 'a value is needed with AUTH_MODE=oidc';
const ONE_OF = (name: string) => `${name} alone or ${name}_FILE alone is allowed`;

/** The variables of queue-dashboard. */
export const configSchema = defineConfig(
  {
    ...serverVariables,
    ...processVariables,
    ...queueVariables,
    ...accessVariables,
    BASE_PATH: variable(urlPath().prefault('/'), {
      description: 'Path below which everything is served, behind a proxy that passes it on.',
      default: '/',
    }),
    PUBLIC_URL: variable(httpUrl('https://ops.example.com/queues').optional(), {
      description: 'oidc: where browsers find the dashboard, with BASE_PATH.',
    }),
    READER_URL: variable(httpUrl('https://logs.example.com').optional(), {
      description: 'Where browsers find the reader-api: jobs get a link to their pod’s log.',
    }),
  },
  [
    {
      variable: 'HOST',
      check: ({ AUTH_MODE, HOST }) =>
        AUTH_MODE !== undefined || HOST === undefined || isLoopback(HOST)
          ? undefined
          : `${LOOPBACK_HOSTS} is allowed while AUTH_MODE is not set (AUTH_MODE=none lets whoever reaches the port in)`,
    },
    {
      variable: 'BASIC_AUTH_PASSWORD',
      check: ({ AUTH_MODE, BASIC_AUTH_PASSWORD, BASIC_AUTH_PASSWORD_FILE }) =>
        AUTH_MODE === 'basic' && (BASIC_AUTH_PASSWORD === undefined) === (BASIC_AUTH_PASSWORD_FILE === undefined)
          ? `${ONE_OF('BASIC_AUTH_PASSWORD')} with AUTH_MODE=basic`
          : undefined,
    },
    ...(['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'PUBLIC_URL'] as const).map((name) => ({
      variable: name,
      check: (config: Readonly<Partial<Record<typeof name | 'AUTH_MODE', string | undefined>>>) =>
        config.AUTH_MODE === 'oidc' && config[name] === undefined ? NEEDED : undefined,
    })),
    {
      variable: 'PUBLIC_URL',
      check: ({ AUTH_MODE, PUBLIC_URL, BASE_PATH }) =>
        AUTH_MODE !== 'oidc' || PUBLIC_URL === undefined || pathOf(PUBLIC_URL) === BASE_PATH
          ? undefined
          : `a URL whose path is BASE_PATH (${BASE_PATH}) is allowed`,
    },
    {
      variable: 'OIDC_CLIENT_SECRET',
      check: ({ OIDC_CLIENT_SECRET, OIDC_CLIENT_SECRET_FILE }) =>
        OIDC_CLIENT_SECRET !== undefined && OIDC_CLIENT_SECRET_FILE !== undefined
          ? ONE_OF('OIDC_CLIENT_SECRET')
          : undefined,
    },
    {
      variable: 'SESSION_SECRET',
      check: ({ SESSION_SECRET, SESSION_SECRET_FILE }) =>
        SESSION_SECRET !== undefined && SESSION_SECRET_FILE !== undefined ? ONE_OF('SESSION_SECRET') : undefined,
    },
  ],
);

export type Config = z.output<typeof configSchema>;

/** As BASE_PATH has it: without a slash at its end, save `/` itself. */
const pathOf = (url: string): string => new URL(url).pathname.replace(/(?<=.)\/+$/, '');
