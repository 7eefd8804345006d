/** Variables in the manifests that are none of the apps' own: docs/configuration.md, "What the libraries read". */
export const READ_BY_LIBRARIES: readonly string[] = [
  'AWS_ACCESS_KEY_ID',
  'AWS_ENDPOINT_URL_S3',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
];

const OIDC = 'for AUTH_MODE=oidc; these manifests have AUTH_MODE=kubernetes';
const RARE = 'its default is right for nearly all; set it in an overlay';

/** Variables of apps that no manifest sets, and why not. */
export const LEFT_AT_DEFAULT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'reader-api': {
    HOST: 'all interfaces of the pod',
    OIDC_ISSUER: OIDC,
    OIDC_AUDIENCE: OIDC,
    OIDC_USERNAME_CLAIM: OIDC,
    OIDC_NAMESPACES_CLAIM: OIDC,
    OIDC_JOBS_CLAIM: OIDC,
    OIDC_DELETE_CLAIM: OIDC,
    OIDC_CLOCK_TOLERANCE: OIDC,
    OIDC_KEYS_COOLDOWN: OIDC,
    CORS_ORIGINS: 'which pages may use the API is known to who installs it',
    KUBERNETES_CONTEXT: 'there is no kubeconfig in a pod',
    JOBS_NAMESPACE: 'jobs may run in any namespace',
    IDLE_CLIENT_TIMEOUT: RARE,
    MAX_HEADER_SIZE: RARE,
    MAX_URL_SIZE: RARE,
    WEBSOCKET_PING_INTERVAL: RARE,
    SSE_HEARTBEAT_INTERVAL: RARE,
  },
  'queue-dashboard': {
    HOST: 'all interfaces of the pod',
    BASIC_AUTH_PASSWORD_FILE: 'the password comes from a Secret as a variable',
    ...Object.fromEntries(
      [
        'OIDC_ISSUER',
        'OIDC_CLIENT_ID',
        'OIDC_CLIENT_SECRET',
        'OIDC_CLIENT_SECRET_FILE',
        'OIDC_SCOPE',
        'OIDC_GROUPS_CLAIM',
        'OIDC_ALLOWED_GROUPS',
        'SESSION_SECRET',
        'SESSION_SECRET_FILE',
        'SESSION_DURATION',
        'PUBLIC_URL',
      ].map((name) => [name, 'for AUTH_MODE=oidc; these manifests have AUTH_MODE=basic']),
    ),
  },
};
