/** Variables in the manifests that are none of the apps' own: docs/configuration.md, "What the libraries read". */
export const READ_BY_LIBRARIES: readonly string[] = [
  'AWS_ACCESS_KEY_ID',
  'AWS_ENDPOINT_URL_S3',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
  'NODE_EXTRA_CA_CERTS',
];

const RARE = 'its default is right for nearly all; set it in an overlay';

const alike = (why: string, names: readonly string[]) => Object.fromEntries(names.map((name) => [name, why]));

const OTHER_MODE = 'of a way to let people in that AUTH_MODE does not name';
const FROM_SECRETS = 'Secrets come as variables';

/** By app, whatever its AUTH_MODE is. */
const ALWAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'reader-api': {
    HOST: 'all interfaces of the pod',
    CORS_ORIGINS: 'which pages may use the API is known to who installs it',
    KUBERNETES_CONTEXT: 'there is no kubeconfig in a pod',
    JOBS_NAMESPACE: 'jobs may run in any namespace',
    ...alike(RARE, [
      'OIDC_USERNAME_CLAIM',
      'OIDC_NAMESPACES_CLAIM',
      'OIDC_JOBS_CLAIM',
      'OIDC_DELETE_CLAIM',
      'OIDC_CLOCK_TOLERANCE',
      'OIDC_KEYS_COOLDOWN',
      'IDLE_CLIENT_TIMEOUT',
      'MAX_HEADER_SIZE',
      'MAX_URL_SIZE',
      'WEBSOCKET_PING_INTERVAL',
      'SSE_HEARTBEAT_INTERVAL',
    ]),
  },
  'queue-dashboard': {
    HOST: 'all interfaces of the pod',
    ...alike(FROM_SECRETS, ['BASIC_AUTH_PASSWORD_FILE', 'OIDC_CLIENT_SECRET_FILE', 'SESSION_SECRET_FILE']),
    ...alike(RARE, ['OIDC_GROUPS_CLAIM', 'SESSION_DURATION']),
  },
};

/** What must be decided with AUTH_MODE=oidc, and with no other. */
const WITH_OIDC: Readonly<Record<string, readonly string[]>> = {
  'reader-api': ['OIDC_ISSUER', 'OIDC_AUDIENCE'],
  'queue-dashboard': [
    'OIDC_ISSUER',
    'OIDC_CLIENT_ID',
    'OIDC_CLIENT_SECRET',
    'OIDC_SCOPE',
    'OIDC_ALLOWED_GROUPS',
    'SESSION_SECRET',
    'PUBLIC_URL',
  ],
};

/** Variables of the app that no manifest sets where its AUTH_MODE is that, and why not. */
export function leftAtDefault(app: string, authMode: unknown): Readonly<Record<string, string>> {
  const otherMode = [
    ...(authMode === 'oidc' ? [] : (WITH_OIDC[app] ?? [])),
    ...(authMode === 'basic' || app !== 'queue-dashboard' ? [] : ['BASIC_AUTH_PASSWORD']),
  ];
  return { ...ALWAYS[app], ...alike(OTHER_MODE, otherMode) };
}
