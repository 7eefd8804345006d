import {
  byteSize,
  choice,
  compactionVariables,
  defineConfig,
  duration,
  httpUrl,
  isLoopback,
  limit,
  LOOPBACK_HOSTS,
  mergeRules,
  namespaceName,
  origins,
  positiveInteger,
  processVariables,
  serverVariables,
  storageVariables,
  variable,
  words,
} from '@cordwood/service';
import type { z } from 'zod';

const { REORDER_WINDOW, MAX_MESSAGE, MAX_RECORD } = compactionVariables;

const NEEDED = 'a value is needed with AUTH_MODE=oidc';

/** Who may read and delete logs. */
const accessVariables = {
  AUTH_MODE: variable(choice('none', 'kubernetes', 'oidc').optional(), {
    description:
      'Who may read logs. none: whoever reaches the port. kubernetes: whose bearer token may get pods/log. oidc: whose JWT says so. ' +
      'Unset: as none, and the API listens on this machine’s loopback addresses only.',
  }),
  OIDC_ISSUER: variable(httpUrl('https://login.example.com/realms/main').optional(), {
    description: 'oidc: the issuer, exactly as tokens name it in `iss`; its keys are found by discovery.',
  }),
  OIDC_AUDIENCE: variable(words('the audience that tokens are for').optional(), {
    description: 'oidc: what tokens must name in `aud`.',
  }),
  OIDC_USERNAME_CLAIM: variable(words('the name of a claim').prefault('sub'), {
    description: 'oidc: the claim that names the user.',
    default: 'sub',
  }),
  OIDC_NAMESPACES_CLAIM: variable(words('the name of a claim').prefault('namespaces'), {
    description:
      'oidc: the claim with the namespaces whose logs the user may read: a list, or text with blanks or commas; * stands for any characters. ' +
      'A name with dots that is none of a claim itself is a path.',
    default: 'namespaces',
  }),
  OIDC_JOBS_CLAIM: variable(words('the name of a claim').optional(), {
    description:
      'oidc: the claim with the names of the jobs that the user may read there, as OIDC_NAMESPACES_CLAIM. Unset: all.',
  }),
  OIDC_DELETE_CLAIM: variable(words('the name of a claim').optional(), {
    description:
      'oidc: the claim that lets the user delete what they may read: true, or the namespaces in which. Unset: nobody may delete.',
  }),
  OIDC_CLOCK_TOLERANCE: variable(duration({ max: '1h' }).prefault('30s'), {
    description: 'oidc: how far the issuer’s clock may be from ours.',
    default: '30s',
  }),
  OIDC_KEYS_COOLDOWN: variable(duration({ min: '1s' }).prefault('30s'), {
    description: 'oidc: how long after its keys were fetched a token with an unknown key does not fetch them again.',
    default: '30s',
  }),
  CURSOR_SECRET: variable(words('a secret').optional(), {
    description:
      'What replicas share, so that each can go on where another’s page of jobs ended at one that the caller may not know of. ' +
      'Unset: such a cursor is good for the replica that gave it.',
    secret: 'all',
  }),
  CORS_ORIGINS: variable(origins().optional(), {
    description:
      'Origins of pages that may use the API from browsers: https://jobs.example.com,http://localhost:3000; *: all.',
  }),
};

/** How Kubernetes is reached: for live logs, and for AUTH_MODE=kubernetes. */
const kubernetesVariables = {
  KUBERNETES: variable(choice('auto', 'in-cluster', 'kubeconfig', 'off').prefault('auto'), {
    description:
      'Where Kubernetes is. in-cluster: by the service account. kubeconfig: as kubectl finds it. auto: in-cluster, else by KUBECONFIG where ' +
      'that is set, else not at all.',
    default: 'auto',
  }),
  KUBERNETES_CONTEXT: variable(words('the name of a context of the kubeconfig').optional(), {
    description: 'Context of the kubeconfig; unset: its current one.',
  }),
};

/** How much one client, and all together, may ask for. */
const limitVariables = {
  RATE_LIMIT: variable(limit().prefault('600'), {
    description: 'Requests per minute and client (the user, else the address); off: any number.',
    default: '600',
  }),
  MAX_STREAMS: variable(positiveInteger({ max: '100000' }).prefault('1000'), {
    description: 'Logs that are sent at the same time.',
    default: '1000',
  }),
  MAX_STREAMS_PER_CLIENT: variable(positiveInteger({ max: '100000' }).prefault('50'), {
    description: 'The same for one client (the user, else the address).',
    default: '50',
  }),
  MAX_STREAM_DURATION: variable(duration({ min: '1s', max: '20d' }).prefault('12h'), {
    description: 'How long one log may be sent: the client has to ask again where it stopped.',
    default: '12h',
  }),
  IDLE_CLIENT_TIMEOUT: variable(duration({ min: '1s', max: '1d' }).prefault('10m'), {
    description: 'How long a client may take nothing of what is sent to it, before its connection is reset.',
    default: '10m',
  }),
  MAX_HEADER_SIZE: variable(byteSize({ min: '4KiB', max: '1MiB' }).prefault('32KiB'), {
    description: 'Largest request line with all headers.',
    default: '32KiB',
  }),
  MAX_URL_SIZE: variable(byteSize({ min: '1KiB', max: '1MiB' }).prefault('16KiB'), {
    description: 'Longest URL of a request.',
    default: '16KiB',
  }),
};

/** The variables of reader-api. What is about merging must be as the workers have it: it decides the order of records. */
export const configSchema = defineConfig(
  {
    ...serverVariables,
    ...processVariables,
    ...storageVariables,
    ...kubernetesVariables,
    ...accessVariables,
    ...limitVariables,
    REORDER_WINDOW,
    MAX_MESSAGE,
    MAX_RECORD,
    JOBS_NAMESPACE: variable(namespaceName().optional(), {
      description: 'Namespace that is meant where a request names none; unset: the only one that has the job.',
    }),
    WEBSOCKET_PING_INTERVAL: variable(duration({ min: '100ms', max: '1h' }).prefault('30s'), {
      description:
        'How often a WebSocket client is asked whether it is still there; one that does not answer is cut off.',
      default: '30s',
    }),
    SSE_HEARTBEAT_INTERVAL: variable(duration({ min: '100ms', max: '1h' }).prefault('15s'), {
      description:
        'How often an event stream on which nothing happens gets a comment, so that nobody takes it for dead.',
      default: '15s',
    }),
  },
  [
    ...mergeRules,
    {
      variable: 'HOST',
      check: ({ AUTH_MODE, HOST }) =>
        AUTH_MODE !== undefined || HOST === undefined || isLoopback(HOST)
          ? undefined
          : `${LOOPBACK_HOSTS} is allowed while AUTH_MODE is not set (AUTH_MODE=none lets whoever reaches the port read all logs)`,
    },
    {
      variable: 'OIDC_ISSUER',
      check: ({ AUTH_MODE, OIDC_ISSUER }) => (AUTH_MODE === 'oidc' && OIDC_ISSUER === undefined ? NEEDED : undefined),
    },
    {
      variable: 'OIDC_AUDIENCE',
      check: ({ AUTH_MODE, OIDC_AUDIENCE }) =>
        AUTH_MODE === 'oidc' && OIDC_AUDIENCE === undefined ? NEEDED : undefined,
    },
  ],
);

export type ReaderConfig = z.output<typeof configSchema>;
