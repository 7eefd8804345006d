import { accessSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { KubeConfig, loadYaml } from '@kubernetes/client-node';

/** How to reach Kubernetes. */
export interface KubeConfigOptions {
  /**
   * `in-cluster`: with the service account of our own pod. `kubeconfig`: as kubectl does, from the files of `KUBECONFIG` or else
   * `~/.kube/config`. `auto`: in-cluster when we run in a cluster, else kubeconfig when `KUBECONFIG` is set, else not at all; never the
   * `~/.kube/config` that happens to lie around. `off`: not at all.
   */
  readonly mode: 'auto' | 'in-cluster' | 'kubeconfig' | 'off';
  /** The context of the kubeconfig. Default: its current one. */
  readonly context?: string | undefined;
  /** Default: the environment of the process. `KUBECONFIG`, `HOME`, `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` count. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where the service account's files are mounted; default: where Kubernetes mounts them. */
  readonly serviceAccountDir?: string | undefined;
}

const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Reads how to reach Kubernetes; undefined when it is not to be used. Credentials that files, plugins or providers give are asked for
 * again as they expire, by the library.
 * @throws Error when it is configured but unusable: the message says what is missing where
 */
export function loadKubeConfig(options: KubeConfigOptions): KubeConfig | undefined {
  const { env = process.env, serviceAccountDir = SERVICE_ACCOUNT_DIR } = options;
  const inCluster = () =>
    env['KUBERNETES_SERVICE_HOST'] !== undefined &&
    env['KUBERNETES_SERVICE_PORT'] !== undefined &&
    isReadable(join(serviceAccountDir, 'token'));
  switch (options.mode) {
    case 'off':
      return undefined;
    case 'in-cluster':
      if (inCluster()) return fromServiceAccount(env, serviceAccountDir);
      throw new Error(
        `not in a Kubernetes cluster: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and ${serviceAccountDir}/token are needed`,
      );
    case 'kubeconfig':
      return fromFiles(env, options.context);
    case 'auto':
      if (inCluster()) return fromServiceAccount(env, serviceAccountDir);
      return env['KUBECONFIG'] ? fromFiles(env, options.context) : undefined;
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

function fromServiceAccount(env: Readonly<Record<string, string | undefined>>, dir: string): KubeConfig {
  // Not the library's loadFromCluster(): it reads the environment of the process, and ports 80, 8080 and 8001 as plain HTTP.
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? ''}`;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'in-cluster', server, caFile: join(dir, 'ca.crt'), skipTLSVerify: false },
    // The library reads the file again every minute: kubelets rotate these tokens.
    {
      name: 'service-account',
      authProvider: { name: 'tokenFile', config: { tokenFile: join(dir, 'token') } },
    },
  );
  return config;
}

function fromFiles(env: Readonly<Record<string, string | undefined>>, context: string | undefined): KubeConfig {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const files = named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
  const config = new KubeConfig();
  for (const file of files) merge(config, fromFile(file));

  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getContextObject(config.getCurrentContext());
  if (current === null) {
    const known = config.contexts.map(({ name }) => name).join(', ');
    throw new Error(
      `${files.join(', ')}: no context ${config.getCurrentContext() || '(none is current)'}, only: ${known}`,
    );
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${files.join(', ')}: no cluster ${current.cluster}`);
  // Without TLS there is nothing to verify; the library refuses such servers (`kubectl proxy`, tests) unless told so.
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true });
  return config;
}

/** As kubectl merges: the first file that sets something wins. */
function merge(config: KubeConfig, other: KubeConfig): void {
  const added = <T extends { readonly name: string }>(have: T[], more: T[]) => [
    ...have,
    ...more.filter(({ name }) => !have.some((each) => each.name === name)),
  ];
  config.clusters = added(config.clusters, other.clusters);
  config.users = added(config.users, other.users);
  config.contexts = added(config.contexts, other.contexts);
  config.currentContext ||= other.currentContext;
}

function fromFile(file: string): KubeConfig {
  try {
    const text = readFileSync(file, 'utf8');
    const config = new KubeConfig();
    config.loadFromString(text);
    const absolute = (path: string) => (isAbsolute(path) ? path : join(dirname(file), path));
    config.makePathsAbsolute(dirname(file));
    // The library knows `tokenFile` of in-cluster use only.
    const { users } = loadYaml<{ users?: { name: string; user?: { tokenFile?: string } }[] }>(text);
    config.users = config.users.map((user) => {
      const tokenFile = users?.find(({ name }) => name === user.name)?.user?.tokenFile;
      if (tokenFile === undefined || user.token) return user;
      return { ...user, authProvider: { name: 'tokenFile', config: { tokenFile: absolute(tokenFile) } } };
    });
    return config;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${file} is no kubeconfig that can be read: ${code ?? message}`, { cause: error });
  }
}
